"""q-values against scipy's and by hand."""

import numpy as np
import pytest
from scipy import stats

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.streams import stream
from workflow_scripts.influence.multiplicity import adjust


@pytest.mark.parametrize("method", ["bh", "by"])
def test_agrees_with_scipy(method):
    p = stream(1, "p").random(50) ** 3
    expected = stats.false_discovery_control(p, method=method)
    np.testing.assert_allclose(adjust(p, method), expected)


def test_untested_bins_stay_null_and_do_not_count():
    q = adjust(np.array([0.01, np.nan, 0.04, np.nan]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04, np.nan])
    assert np.isnan(adjust(np.array([np.nan]))).all()


def test_an_unknown_method_is_refused():
    with pytest.raises(DataError, match="bh, by"):
        adjust(np.array([0.1]), "bonferroni")
