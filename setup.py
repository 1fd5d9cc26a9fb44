"""Maps the folders of the tree to import names; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

ROOTS = {"graphc": "graphc", "graphc.kernels": "kernels"}
FRONTENDS = ("flax", "keras", "keras_tuner", "sklearn", "tensorflow")
ROOTS |= {f"graphc.{name}": f"frontends/{name}" for name in FRONTENDS}
packages = [
    name
    for root, folder in ROOTS.items()
    for name in (root, *(f"{root}.{found}" for found in find_packages(folder)))
]
setup(package_dir=ROOTS, packages=packages)
