"""Recurrent layers: cells, the layers that run them over sequences, and wrappers."""

from graphc.keras.layers.recurrent.bidirectional import Bidirectional
from graphc.keras.layers.recurrent.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from graphc.keras.layers.recurrent.gru import GRU, GRUCell
from graphc.keras.layers.recurrent.lstm import LSTM, LSTMCell
from graphc.keras.layers.recurrent.rnn import RNN
from graphc.keras.layers.recurrent.simple_rnn import SimpleRNN, SimpleRNNCell
from graphc.keras.layers.recurrent.stacked_cells import StackedRNNCells
from graphc.keras.layers.recurrent.time_distributed import TimeDistributed

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TimeDistributed",
]
