from __future__ import annotations

import errno

import pytest

from submariner_core.api.errors import SubmarinerError
from submariner_core.kernel import KernelError


def test_the_text_names_object_action_and_errno_in_words():
    error = KernelError("route 10.2.0.0/16 in table 100", "replace", errno.EINVAL, "bad nexthop")

    assert str(error) == (
        "cannot replace route 10.2.0.0/16 in table 100: Invalid argument (EINVAL): bad nexthop"
    )
    assert isinstance(error, SubmarinerError)


def test_the_kernels_sentence_is_left_out_where_it_repeats_the_words():
    error = KernelError("device x", "set", errno.EINVAL, "Invalid argument")

    assert str(error) == "cannot set device x: Invalid argument (EINVAL)"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EPERM, "CAP_NET_ADMIN"),
        (errno.EROFS, "mount the node's /proc/sys/net at /host/proc/sys/net"),
        (errno.EOPNOTSUPP, "this kernel lacks the feature"),
        (errno.ENODEV, "must exist first"),
        (errno.ENETUNREACH, "connected route"),
        (errno.ENETDOWN, "set it up first"),
    ],
)
def test_a_known_errno_comes_with_a_remedy(code, remedy):
    assert remedy in str(KernelError("device x", "create", code))


def test_an_unknown_errno_is_given_as_a_number():
    assert "errno 4095" in str(KernelError("device x", "create", 4095))
