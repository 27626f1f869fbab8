# cython: language_level=3
"""The built-in losses as tables of C functions.

Each loss of points is four formulas, of which three are handed to one generic loop.
They arrive there as constants, so the compiler inlines them: a loss costs what its
formula costs, and no loop is written twice.
"""

cimport sklearn_losses.losses._formulas.binary as binary
cimport sklearn_losses.losses._formulas.counts as counts
cimport sklearn_losses.losses._formulas.learned as learned
cimport sklearn_losses.losses._formulas.multiclass as multiclass
cimport sklearn_losses.losses._formulas.regression as regression
cimport sklearn_losses.losses._formulas.robust as robust
from sklearn_losses.losses._formulas.parameters cimport zero
from sklearn_losses.losses._loop cimport loop
from sklearn_losses.losses._table cimport (
    Block, LossTable, Row, RowBlock, block_fn, new_loss, point_fn, row_fn, row_hessian_fn,
    start_table,
)

cdef enum:
    MAX_TABLES = 128

cdef LossTable tables[MAX_TABLES]
cdef dict index_of = {}


cdef LossTable *new_table(str name) except NULL:
    if len(index_of) == MAX_TABLES:
        raise MemoryError(f"No room for the table of {name}: raise MAX_TABLES.")
    cdef LossTable *table = &tables[len(index_of)]
    index_of[name] = len(index_of)
    start_table(table)
    return table


cdef int add(str name, point_fn value, point_fn gradient, point_fn curvature,
             point_fn conjugate, block_fn block) except -1:
    """A loss of points. No conjugate: it is searched for, or the loss is not convex."""
    cdef LossTable *table = new_table(name)
    table.value = value
    table.gradient = gradient
    table.curvature = curvature
    table.conjugate = conjugate
    table.block = block
    return 0


cdef void squared_error(const void *params, const Block *block) noexcept nogil:
    loop(regression.squared_error_value, regression.squared_error_gradient,
         regression.squared_error_curvature, params, block)

add("squared_error", regression.squared_error_value, regression.squared_error_gradient,
    regression.squared_error_curvature, regression.squared_error_conjugate, squared_error)


cdef void absolute_error(const void *params, const Block *block) noexcept nogil:
    loop(regression.absolute_error_value, regression.absolute_error_gradient, zero, params, block)

add("absolute_error", regression.absolute_error_value, regression.absolute_error_gradient, zero,
    regression.absolute_error_conjugate, absolute_error)


cdef void quantile(const void *params, const Block *block) noexcept nogil:
    loop(regression.quantile_value, regression.quantile_gradient, zero, params, block)

add("quantile", regression.quantile_value, regression.quantile_gradient, zero,
    regression.quantile_conjugate, quantile)


cdef void smooth_quantile(const void *params, const Block *block) noexcept nogil:
    loop(regression.smooth_quantile_value, regression.smooth_quantile_gradient,
         regression.smooth_quantile_curvature, params, block)

add("smooth_quantile", regression.smooth_quantile_value, regression.smooth_quantile_gradient,
    regression.smooth_quantile_curvature, regression.smooth_quantile_conjugate,
    smooth_quantile)


cdef void expectile(const void *params, const Block *block) noexcept nogil:
    loop(regression.expectile_value, regression.expectile_gradient, regression.expectile_curvature,
         params, block)

add("expectile", regression.expectile_value, regression.expectile_gradient,
    regression.expectile_curvature, regression.expectile_conjugate, expectile)


cdef void huber(const void *params, const Block *block) noexcept nogil:
    loop(regression.huber_value, regression.huber_gradient, regression.huber_curvature,
         params, block)

add("huber", regression.huber_value, regression.huber_gradient, regression.huber_curvature,
    regression.huber_conjugate, huber)


cdef void pseudo_huber(const void *params, const Block *block) noexcept nogil:
    loop(regression.pseudo_huber_value, regression.pseudo_huber_gradient,
         regression.pseudo_huber_curvature, params, block)

add("pseudo_huber", regression.pseudo_huber_value, regression.pseudo_huber_gradient,
    regression.pseudo_huber_curvature, regression.pseudo_huber_conjugate, pseudo_huber)


cdef void log_cosh(const void *params, const Block *block) noexcept nogil:
    loop(regression.log_cosh_value, regression.log_cosh_gradient, regression.log_cosh_curvature,
         params, block)

add("log_cosh", regression.log_cosh_value, regression.log_cosh_gradient,
    regression.log_cosh_curvature, regression.log_cosh_conjugate, log_cosh)


cdef void epsilon_insensitive(const void *params, const Block *block) noexcept nogil:
    loop(regression.epsilon_insensitive_value, regression.epsilon_insensitive_gradient, zero,
         params, block)

add("epsilon_insensitive", regression.epsilon_insensitive_value,
    regression.epsilon_insensitive_gradient, zero, regression.epsilon_insensitive_conjugate,
    epsilon_insensitive)


cdef void squared_epsilon_insensitive(const void *params, const Block *block) noexcept nogil:
    loop(regression.squared_epsilon_insensitive_value,
         regression.squared_epsilon_insensitive_gradient,
         regression.squared_epsilon_insensitive_curvature, params, block)

add("squared_epsilon_insensitive", regression.squared_epsilon_insensitive_value,
    regression.squared_epsilon_insensitive_gradient,
    regression.squared_epsilon_insensitive_curvature,
    regression.squared_epsilon_insensitive_conjugate, squared_epsilon_insensitive)


cdef void linex(const void *params, const Block *block) noexcept nogil:
    loop(regression.linex_value, regression.linex_gradient, regression.linex_curvature,
         params, block)

add("linex", regression.linex_value, regression.linex_gradient, regression.linex_curvature,
    regression.linex_conjugate, linex)


cdef void absolute_percentage_error(const void *params, const Block *block) noexcept nogil:
    loop(regression.absolute_percentage_error_value, regression.absolute_percentage_error_gradient,
         zero, params, block)

add("absolute_percentage_error", regression.absolute_percentage_error_value,
    regression.absolute_percentage_error_gradient, zero,
    regression.absolute_percentage_error_conjugate, absolute_percentage_error)


cdef void squared_log_error(const void *params, const Block *block) noexcept nogil:
    loop(regression.squared_log_error_value, regression.squared_log_error_gradient,
         regression.squared_error_curvature, params, block)

add("squared_log_error", regression.squared_log_error_value, regression.squared_log_error_gradient,
    regression.squared_error_curvature, regression.squared_log_error_conjugate,
    squared_log_error)


cdef void fair(const void *params, const Block *block) noexcept nogil:
    loop(robust.fair_value, robust.fair_gradient, robust.fair_curvature, params, block)

add("fair", robust.fair_value, robust.fair_gradient, robust.fair_curvature, robust.fair_conjugate,
    fair)


cdef void cauchy(const void *params, const Block *block) noexcept nogil:
    loop(robust.cauchy_value, robust.cauchy_gradient, robust.cauchy_curvature, params, block)

add("cauchy", robust.cauchy_value, robust.cauchy_gradient, robust.cauchy_curvature, NULL,
    cauchy)


cdef void student_t(const void *params, const Block *block) noexcept nogil:
    loop(robust.student_t_value, robust.student_t_gradient, robust.student_t_curvature,
         params, block)

add("student_t", robust.student_t_value, robust.student_t_gradient, robust.student_t_curvature,
    NULL, student_t)


cdef void geman_mcclure(const void *params, const Block *block) noexcept nogil:
    loop(robust.geman_mcclure_value, robust.geman_mcclure_gradient, robust.geman_mcclure_curvature,
         params, block)

add("geman_mcclure", robust.geman_mcclure_value, robust.geman_mcclure_gradient,
    robust.geman_mcclure_curvature, NULL, geman_mcclure)


cdef void welsch(const void *params, const Block *block) noexcept nogil:
    loop(robust.welsch_value, robust.welsch_gradient, robust.welsch_curvature, params, block)

add("welsch", robust.welsch_value, robust.welsch_gradient, robust.welsch_curvature, NULL,
    welsch)


cdef void tukey_biweight(const void *params, const Block *block) noexcept nogil:
    loop(robust.tukey_biweight_value, robust.tukey_biweight_gradient,
         robust.tukey_biweight_curvature, params, block)

add("tukey_biweight", robust.tukey_biweight_value, robust.tukey_biweight_gradient,
    robust.tukey_biweight_curvature, NULL, tukey_biweight)


cdef void andrews(const void *params, const Block *block) noexcept nogil:
    loop(robust.andrews_value, robust.andrews_gradient, robust.andrews_curvature, params, block)

add("andrews", robust.andrews_value, robust.andrews_gradient, robust.andrews_curvature, NULL,
    andrews)


cdef void hampel(const void *params, const Block *block) noexcept nogil:
    loop(robust.hampel_value, robust.hampel_gradient, robust.hampel_curvature, params, block)

add("hampel", robust.hampel_value, robust.hampel_gradient, robust.hampel_curvature, NULL,
    hampel)


cdef void barron(const void *params, const Block *block) noexcept nogil:
    loop(robust.barron_value, robust.barron_gradient, robust.barron_curvature, params, block)

add("barron", robust.barron_value, robust.barron_gradient, robust.barron_curvature,
    robust.barron_conjugate,
    barron)


cdef void poisson(const void *params, const Block *block) noexcept nogil:
    loop(counts.poisson_value, counts.poisson_gradient, counts.poisson_curvature, params, block)

add("poisson", counts.poisson_value, counts.poisson_gradient, counts.poisson_curvature,
    counts.poisson_conjugate, poisson)


cdef void gamma(const void *params, const Block *block) noexcept nogil:
    loop(counts.gamma_value, counts.gamma_gradient, counts.gamma_curvature, params, block)

add("gamma", counts.gamma_value, counts.gamma_gradient, counts.gamma_curvature,
    counts.gamma_conjugate, gamma)


cdef void inverse_gaussian(const void *params, const Block *block) noexcept nogil:
    loop(counts.inverse_gaussian_value, counts.inverse_gaussian_gradient,
         counts.inverse_gaussian_curvature, params, block)

add("inverse_gaussian", counts.inverse_gaussian_value, counts.inverse_gaussian_gradient,
    counts.inverse_gaussian_curvature, NULL, inverse_gaussian)


cdef void tweedie(const void *params, const Block *block) noexcept nogil:
    loop(counts.tweedie_value, counts.tweedie_gradient, counts.tweedie_curvature, params, block)

add("tweedie", counts.tweedie_value, counts.tweedie_gradient, counts.tweedie_curvature,
    counts.tweedie_conjugate, tweedie)


cdef void negative_binomial(const void *params, const Block *block) noexcept nogil:
    loop(counts.negative_binomial_value, counts.negative_binomial_gradient,
         counts.negative_binomial_curvature, params, block)

add("negative_binomial", counts.negative_binomial_value, counts.negative_binomial_gradient,
    counts.negative_binomial_curvature, counts.negative_binomial_conjugate,
    negative_binomial)


cdef void log_loss(const void *params, const Block *block) noexcept nogil:
    loop(binary.log_loss_value, binary.log_loss_gradient, binary.log_loss_curvature, params, block)

add("log_loss", binary.log_loss_value, binary.log_loss_gradient, binary.log_loss_curvature,
    binary.log_loss_conjugate, log_loss)


cdef void hinge(const void *params, const Block *block) noexcept nogil:
    loop(binary.hinge_value, binary.hinge_gradient, zero, params, block)

add("hinge", binary.hinge_value, binary.hinge_gradient, zero, binary.hinge_conjugate,
    hinge)


cdef void perceptron(const void *params, const Block *block) noexcept nogil:
    loop(binary.perceptron_value, binary.perceptron_gradient, zero, params, block)

add("perceptron", binary.perceptron_value, binary.perceptron_gradient, zero,
    binary.perceptron_conjugate, perceptron)


cdef void squared_hinge(const void *params, const Block *block) noexcept nogil:
    loop(binary.squared_hinge_value, binary.squared_hinge_gradient, binary.squared_hinge_curvature,
         params, block)

add("squared_hinge", binary.squared_hinge_value, binary.squared_hinge_gradient,
    binary.squared_hinge_curvature, binary.squared_hinge_conjugate, squared_hinge)


cdef void smooth_hinge(const void *params, const Block *block) noexcept nogil:
    loop(binary.smooth_hinge_value, binary.smooth_hinge_gradient, binary.smooth_hinge_curvature,
         params, block)

add("smooth_hinge", binary.smooth_hinge_value, binary.smooth_hinge_gradient,
    binary.smooth_hinge_curvature, binary.smooth_hinge_conjugate, smooth_hinge)


cdef void modified_huber(const void *params, const Block *block) noexcept nogil:
    loop(binary.modified_huber_value, binary.modified_huber_gradient,
         binary.modified_huber_curvature, params, block)

add("modified_huber", binary.modified_huber_value, binary.modified_huber_gradient,
    binary.modified_huber_curvature, binary.modified_huber_conjugate, modified_huber)


cdef void exponential(const void *params, const Block *block) noexcept nogil:
    loop(binary.exponential_value, binary.exponential_gradient, binary.exponential_curvature,
         params, block)

add("exponential", binary.exponential_value, binary.exponential_gradient,
    binary.exponential_curvature, binary.exponential_conjugate, exponential)


cdef void focal(const void *params, const Block *block) noexcept nogil:
    loop(binary.focal_value, binary.focal_gradient, binary.focal_curvature, params, block)

add("focal", binary.focal_value, binary.focal_gradient, binary.focal_curvature, NULL,
    focal)


cdef void generalized_cross_entropy(const void *params, const Block *block) noexcept nogil:
    loop(binary.generalized_cross_entropy_value, binary.generalized_cross_entropy_gradient,
         binary.generalized_cross_entropy_curvature, params, block)

add("generalized_cross_entropy", binary.generalized_cross_entropy_value,
    binary.generalized_cross_entropy_gradient, binary.generalized_cross_entropy_curvature, NULL,
    generalized_cross_entropy)


cdef void poly_loss(const void *params, const Block *block) noexcept nogil:
    loop(binary.poly_loss_value, binary.poly_loss_gradient, binary.poly_loss_curvature,
         params, block)

add("poly_loss", binary.poly_loss_value, binary.poly_loss_gradient, binary.poly_loss_curvature,
    NULL, poly_loss)


cdef void savage(const void *params, const Block *block) noexcept nogil:
    loop(binary.savage_value, binary.savage_gradient, binary.savage_curvature, params, block)

add("savage", binary.savage_value, binary.savage_gradient, binary.savage_curvature, NULL,
    savage)


cdef void tangent(const void *params, const Block *block) noexcept nogil:
    loop(binary.tangent_value, binary.tangent_gradient, binary.tangent_curvature, params, block)

add("tangent", binary.tangent_value, binary.tangent_gradient, binary.tangent_curvature, NULL,
    tangent)


cdef void sigmoid(const void *params, const Block *block) noexcept nogil:
    loop(binary.sigmoid_value, binary.sigmoid_gradient, binary.sigmoid_curvature, params, block)

add("sigmoid", binary.sigmoid_value, binary.sigmoid_gradient, binary.sigmoid_curvature, NULL,
    sigmoid)


cdef void spline(const void *params, const Block *block) noexcept nogil:
    loop(learned.spline_value, learned.spline_gradient, learned.spline_curvature, params, block)

add("spline", learned.spline_value, learned.spline_gradient, learned.spline_curvature,
    learned.spline_conjugate, spline)


cdef void learned_probability(const void *params, const Block *block) noexcept nogil:
    loop(learned.probability_value, learned.probability_gradient,
         learned.probability_curvature, params, block)

add("learned_probability", learned.probability_value, learned.probability_gradient,
    learned.probability_curvature, learned.probability_conjugate, learned_probability)


cdef void learned_number(const void *params, const Block *block) noexcept nogil:
    loop(learned.number_value, learned.number_gradient, learned.number_curvature, params, block)

add("learned_number", learned.number_value, learned.number_gradient, learned.number_curvature,
    learned.number_conjugate, learned_number)


cdef void cross_entropy_block(const void *params, const RowBlock *block) noexcept nogil:
    multiclass.cross_entropy_block(params, block)


cdef double cross_entropy(const void *params, const Row *row) noexcept nogil:
    cdef RowBlock block
    cdef double value
    block.n, block.n_outputs, block.y_size = 1, row.n_outputs, row.y_size
    block.y, block.raw, block.value = row.y, row.raw, &value
    block.gradient, block.curvature = row.gradient, row.curvature
    cross_entropy_block(params, &block)
    return value


cdef void cross_entropy_hessians(const void *params, const RowBlock *block,
                                 double *hessian) noexcept nogil:
    multiclass.cross_entropy_hessian_block(params, block, hessian)


cdef void cross_entropy_hessian(const void *params, const Row *row,
                                double *hessian) noexcept nogil:
    cdef RowBlock block
    block.n, block.n_outputs, block.y_size = 1, row.n_outputs, row.y_size
    block.y, block.raw = row.y, row.raw
    block.value = block.gradient = block.curvature = NULL
    cross_entropy_hessians(params, &block, hessian)


cdef double multiclass_hinge(const void *params, const Row *row) noexcept nogil:
    return multiclass.multiclass_hinge_row(params, row)


cdef void multiclass_hinge_hessian(const void *params, const Row *row,
                                   double *hessian) noexcept nogil:
    multiclass.multiclass_hinge_hessian(params, row, hessian)


cdef double multiclass_squared_hinge(const void *params, const Row *row) noexcept nogil:
    return multiclass.multiclass_squared_hinge_row(params, row)


cdef void multiclass_squared_hinge_hessian(const void *params, const Row *row,
                                           double *hessian) noexcept nogil:
    multiclass.multiclass_squared_hinge_hessian(params, row, hessian)


cdef double sparsemax(const void *params, const Row *row) noexcept nogil:
    return multiclass.sparsemax_row(params, row)


cdef void sparsemax_hessian(const void *params, const Row *row,
                            double *hessian) noexcept nogil:
    multiclass.sparsemax_hessian(params, row, hessian)


cdef LossTable *add_rows(str name, row_fn row, row_hessian_fn hessian) except NULL:
    """A loss of rows."""
    cdef LossTable *table = new_table(name)
    table.row = row
    table.row_hessian = hessian
    return table


cdef LossTable *of_cross_entropy = add_rows(
    "cross_entropy", cross_entropy, cross_entropy_hessian)
of_cross_entropy.row_block = cross_entropy_block
of_cross_entropy.row_hessian_block = cross_entropy_hessians
add_rows("multiclass_hinge", multiclass_hinge, multiclass_hinge_hessian)
add_rows("multiclass_squared_hinge", multiclass_squared_hinge,
         multiclass_squared_hinge_hessian)
add_rows("sparsemax", sparsemax, sparsemax_hessian)


def builtin(str name, tuple parameters):
    """The built-in loss of that name.

    Parameters
    ----------
    name : str
        A name of the registry.
    parameters : tuple of float
        In the order that the formulas of the loss read them.

    Returns
    -------
    CLoss
    """
    if name not in index_of:
        raise NotImplementedError(
            f"The loss named {name!r} has no compiled functions. A loss of your own "
            "overrides compiled(), which returns them as a CLoss."
        )
    return new_loss(&tables[<Py_ssize_t> index_of[name]], parameters)
