import pytest

from billing_shared.errors import Invalid
from billing_shared.policy import Policy, load_default, merge

SHAPE = {
    "limits": {"clerk": 500, "director": 100_000},
    "codes": ["A", "B"],
    "is_strict": True,
    "ladder": [{"days": 7}],
    "title": "x",
}


def test_changes_are_laid_over_what_held_before():
    before = merge(SHAPE, SHAPE, {"limits": {"clerk": 700}})
    after = merge(SHAPE, before, {"is_strict": False})
    assert after["limits"] == {"clerk": 700, "director": 100_000}
    assert after["is_strict"] is False


def test_a_key_that_came_with_a_release_is_taken_from_the_default():
    assert merge(SHAPE, {"limits": {"clerk": 1}}, {})["codes"] == ["A", "B"]
    assert merge(SHAPE, {"limits": {"clerk": 1}}, {"title": "y"})["limits"]["clerk"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limits": {"emperor": 1}}, "values.limits.emperor"),
        ({"unknown": 1}, "values.unknown"),
        ({"limits": {"clerk": "500"}}, "values.limits.clerk"),
        ({"limits": {"clerk": True}}, "values.limits.clerk"),
        ({"limits": {"clerk": 5.5}}, "values.limits.clerk"),
        ({"limits": {"clerk": -1}}, "values.limits.clerk"),
        ({"limits": {"clerk": None}}, "values.limits.clerk"),
        ({"limits": 7}, "values.limits"),
        ({"codes": ["A", 1]}, "values.codes[1]"),
        ({"codes": "A"}, "values.codes"),
        ({"codes": ["A"] * 201}, "values.codes"),
        ({"title": "x" * 1001}, "values.title"),
        ({"is_strict": 1}, "values.is_strict"),
        ({"ladder": [{"days": "7"}]}, "values.ladder[0].days"),
        ({"ladder": [{"weeks": 1}]}, "values.ladder[0].weeks"),
    ],
)
def test_what_does_not_fit_the_default_is_refused_by_name(changes, field):
    with pytest.raises(Invalid) as caught:
        merge(SHAPE, SHAPE, changes)
    assert [error.field for error in caught.value.errors] == [field]


def test_a_policy_is_named_by_its_content():
    assert Policy.of({"a": 1, "b": 2}).sha256 == Policy.of({"b": 2, "a": 1}).sha256
    assert Policy.of({"a": 1}).sha256 != Policy.of({"a": 2}).sha256


def test_a_package_without_a_file_has_an_empty_policy():
    assert load_default("billing_shared").values == {}
