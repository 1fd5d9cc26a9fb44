"""scikit-learn estimators over Keras models that graphc compiles."""

# isort: off
from graphc.sklearn import required

# isort: on
from graphc.sklearn.bayes import BayesSearchCV
from graphc.sklearn.classifier import KerasClassifier
from graphc.sklearn.keras_names import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer
from graphc.sklearn.mlp import MLPClassifier, MLPRegressor
from graphc.sklearn.regressor import KerasRegressor
from graphc.sklearn.search import GridSearchCV, RandomizedSearchCV
from graphc.sklearn.transformer import KerasTransformer

__all__ = [
    "BayesSearchCV", "GridSearchCV", "KerasClassifier", "KerasRegressor", "KerasTransformer",
    "MLPClassifier", "MLPRegressor", "RandomizedSearchCV", "SKLearnClassifier", "SKLearnRegressor",
    "SKLearnTransformer", "required",
]  # fmt: skip
