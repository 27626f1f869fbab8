"""C functions compiled by numba, in a module that other processes can import.

The loss is the tilted squared error of expectile regression, with its tilt as a
parameter: Newey and Powell 1987, "Asymmetric least squares estimation and testing".
"""

from numba import cfunc

SIGNATURE = "float64(float64, float64, CPointer(float64))"


@cfunc(SIGNATURE)
def value(y_true, raw_prediction, parameters):
    r = raw_prediction - y_true
    return (1.0 - parameters[0] if r > 0.0 else parameters[0]) * r * r


@cfunc(SIGNATURE)
def gradient(y_true, raw_prediction, parameters):
    r = raw_prediction - y_true
    return (1.0 - parameters[0] if r > 0.0 else parameters[0]) * 2.0 * r
