"""Functions of losses that other processes can import: of arrays, and of C."""

import ctypes

import numpy as np
from scipy.special import log_softmax, softmax, xlogy


def huber_value(y_true, raw_prediction, delta):
    r = np.abs(raw_prediction - y_true)
    return np.where(r <= delta, 0.5 * r * r, delta * (r - 0.5 * delta))


def huber_gradient(y_true, raw_prediction, delta):
    return np.clip(raw_prediction - y_true, -delta, delta)


def huber_curvature(y_true, raw_prediction, delta=1.5):
    return np.where(np.abs(raw_prediction - y_true) <= delta, 1.0, 0.0)


def logistic_value(y_true, raw_prediction):
    return np.logaddexp(0.0, raw_prediction) - y_true * raw_prediction


def logistic_gradient(y_true, raw_prediction):
    return 1.0 / (1.0 + np.exp(-raw_prediction)) - y_true


def softmax_value(y_true, raw_prediction):
    return -log_softmax(raw_prediction, axis=1)[np.arange(len(y_true)), y_true]


def softmax_gradient(y_true, raw_prediction):
    classes = np.arange(raw_prediction.shape[1])
    return softmax(raw_prediction, axis=1) - (y_true[:, np.newaxis] == classes)


def poisson_value(y_true, raw_prediction):
    return np.exp(raw_prediction) - y_true * raw_prediction


def poisson_gradient(y_true, raw_prediction):
    return np.exp(raw_prediction) - y_true


def poisson_minimum(y_true):
    return y_true - xlogy(y_true, y_true)


_double = ctypes.c_double
_with_parameters = ctypes.CFUNCTYPE(_double, _double, _double, ctypes.POINTER(_double))


@_with_parameters
def c_huber_value(y_true, raw_prediction, parameters):
    return float(huber_value(y_true, raw_prediction, parameters[0]))


@_with_parameters
def c_huber_gradient(y_true, raw_prediction, parameters):
    return float(huber_gradient(y_true, raw_prediction, parameters[0]))


@_with_parameters
def c_huber_curvature(y_true, raw_prediction, parameters):
    return float(huber_curvature(y_true, raw_prediction, parameters[0]))


@ctypes.CFUNCTYPE(_double, _double, _double)
def c_scipy_huber(delta, r):
    return 0.5 * r * r if abs(r) <= delta else delta * (abs(r) - 0.5 * delta)
