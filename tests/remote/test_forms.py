"""Forms from swagger.json: kinds, limits, spelling, and what servers say is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_phenoai.errors import FieldsError
from napari_phenoai.remote.spec import form_of, offers
from napari_phenoai.remote.upload import Upload
from napari_phenoai.remote.wire import encoded, field_texts

if TYPE_CHECKING:
    from napari_phenoai.core.forms import Form, FormField


def form(*parameters: dict[str, Any]) -> Form:
    return form_of([{"in": "query", **item} for item in parameters])


def only(**parameter: Any) -> FormField:
    return form({"name": "x", **parameter}).fields[0]


def test_kinds_follow_the_types() -> None:
    assert only(type="boolean", enum=[True, False]).kind == "flag"
    assert only(type="integer", minimum=1, maximum=9).high == 9
    assert only(type="array", items={"type": "integer"}, maxItems=2).items == "integer"
    assert only(type="string", format="password").secret
    for odd in ({"$ref": "#/definitions/A"}, {"type": "object"}, {}, {"type": ["a"]}):
        assert only(**odd).kind == "raw"


def test_a_default_outside_of_the_choices_is_the_first_choice() -> None:
    field = only(type="string", default="weighted loss", enum=["weighted_loss", "focal_loss"])
    assert (field.kind, field.default) == ("choice", "weighted_loss")
    nullable = only(type="string", default=None, enum=["a", "b"], **{"x-nullable": True})
    assert nullable.default is None


def test_text_that_holds_json_gets_a_better_field() -> None:
    word = only(type="string", default='"abc"')
    assert (word.kind, word.default, word.spelled(word.read("xyz"))) == ("text", "abc", ['"xyz"'])
    flag = only(type="string", default="false")
    assert (flag.kind, flag.spelled(flag.read(True))) == ("flag", ["true"])
    number = only(type="string", default="0.0007")
    assert (number.kind, number.spelled(number.read("auto"))) == ("text", ["auto"])
    raw = only(type="string", default="[1, 2]")
    assert (raw.kind, raw.spelled(raw.read("[3]"))) == ("raw", ["[3]"])
    assert raw.spelled(raw.read([3, 4])) == ["[3, 4]"]


def test_markup_in_descriptions_is_gone() -> None:
    field = only(type="string", description="<font color=red>HTML</font> &amp; more\u202e")
    assert field.help == "HTML & more"


def test_accept_is_no_field_and_its_place_is_kept() -> None:
    accept = {"name": "accept", "type": "string", "enum": ["image/*", "application/zip", "*/*"]}
    for place in ("query", "header"):
        made = form_of([{**accept, "in": place}])
        assert made.fields == ()
        assert made.answers == ("image/*", "application/zip")
        sent = encoded(made, {})
        assert sent.accept == "application/zip"
        assert (("accept", "application/zip") in sent.query) == (place == "query")


def test_which_file_takes_the_picture() -> None:
    file = {"type": "file", "in": "formData"}
    assert form({"name": "files", **file}).picture is not None
    both = form({"name": "urls", **file}, {"name": "image", **file})
    assert both.picture is not None
    assert both.picture.name == "image"
    assert form({"name": "a", **file}, {"name": "b", **file}).picture is None
    needed = form({"name": "regions", **file}, {"name": "scan", "required": True, **file})
    assert needed.picture is not None
    assert needed.picture.name == "scan"
    none_default = form({"name": "image", "default": "None", **file})
    assert none_default.fields[0].default is None


def test_values_are_spelled_as_the_server_reads_them() -> None:
    made = form(
        {"name": "crop", "type": "array", "items": {"type": "integer"}},
        {"name": "invert", "type": "boolean"},
        {"name": "threshold", "type": "number", "x-nullable": True, "default": None},
        {"name": "epochs", "type": "integer", "default": 10},
        {"name": "pass", "type": "string", "format": "password"},
    )
    values = {"crop": [0, 0, 60], "invert": "yes", "threshold": "", "epochs": "3", "pass": "hush"}
    sent = encoded(made, values)
    crop = [("crop", "0"), ("crop", "0"), ("crop", "60")]
    assert list(sent.query) == [*crop, ("invert", "true"), ("epochs", "3")]
    assert sent.texts == (("pass", "hush"),)
    assert "hush" not in repr(sent)


def test_lists_of_choices_and_lists_in_lists() -> None:
    organs = only(type="array", items={"type": "string", "enum": ["leaf", "stem"]})
    assert organs.read("leaf, stem") == ("leaf", "stem")
    with pytest.raises(ValueError, match="petal: Must be one of: leaf, stem"):
        organs.read("leaf, petal")
    for items in ({"type": "array", "items": {"type": "integer"}}, {"type": "object"}):
        nested = only(type="array", items=items, default=[[8, 16]])
        assert (nested.kind, nested.default) == ("raw", "[[8, 16]]")
        assert nested.spelled(nested.read("[[1, 2]]")) == ["[[1, 2]]"]


def test_values_that_the_server_reads_in_headers_travel_there() -> None:
    made = form_of(
        [
            {"name": "Accept-Language", "in": "header", "type": "string", "default": "en"},
            {"name": "X-Sizes", "in": "header", "type": "array", "items": {"type": "integer"}},
        ]
    )
    sent = encoded(made, {"Accept-Language": "de", "X-Sizes": "1, 2"})
    assert sent.headers == (("Accept-Language", "de"), ("X-Sizes", "1, 2"))
    assert sent.query == ()
    for text in ("d\u00e9", "a\nHost: b"):
        with pytest.raises(FieldsError, match="accents"):
            encoded(made, {"Accept-Language": text})


@pytest.mark.parametrize(
    "name", ["Authorization", "host", "Cookie", "Content-Length", "Transfer-Encoding", "a b", "X:"]
)
def test_no_form_sets_the_headers_that_say_who_asks_and_how(name: str) -> None:
    made = form_of([{"name": name, "in": "header", "type": "string"}])
    with pytest.raises(FieldsError, match="cannot be sent"):
        encoded(made, {name: "x"})


def test_every_wrong_value_is_named() -> None:
    made = form(
        {"name": "n", "type": "integer", "minimum": 1, "required": True},
        {"name": "loss", "type": "string", "enum": ["a", "b"]},
        {"name": "list", "type": "array", "items": {"type": "number"}, "maxItems": 2},
        {"name": "x", "type": "number"},
    )
    wrong = {"loss": "c", "list": "1,2,3", "x": "nan", "typo": 1}
    with pytest.raises(FieldsError) as caught:
        made.read(wrong)
    assert set(caught.value.fields) == {"n", "loss", "list", "x", "typo"}
    assert made.read({"n": 2.0, "list": "(1, 2.5)"}) == {"n": 2, "list": (1.0, 2.5)}
    with pytest.raises(FieldsError, match="n: Must be 1 or more"):
        made.read({"n": 0})
    with pytest.raises(FieldsError, match="whole number"):
        made.read({"n": 1.5})


def test_files_are_named_by_their_fields() -> None:
    made = form({"name": "image", "type": "file", "in": "formData", "required": True})
    with pytest.raises(FieldsError) as caught:
        encoded(made, {}, {"picture": Upload("a.png", b"x")})
    assert set(caught.value.fields) == {"picture", "image"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"n": ["Not a valid integer."]}, {"n": ("Not a valid integer.",)}),
        ({"crop": {"0": ["Not <b>valid</b>."]}}, {"crop": ("0: Not valid.",)}),
        (
            {"query": {"n": ["Bad."]}, "form": {"f": ["Missing."]}},
            {"n": ("Bad.",), "f": ("Missing.",)},
        ),
        ({"json": ["Invalid JSON body."]}, {"json": ("Invalid JSON body.",)}),
        ([], None),
        ({}, None),
        ("x", None),
    ],
)
def test_what_a_server_says_of_each_field(body: object, expected: object) -> None:
    assert field_texts(json.dumps(body).encode()) == expected


def test_addresses_of_models_come_from_the_paths() -> None:
    def post() -> dict[str, Any]:
        return {"post": {"parameters": []}}

    spec = {
        "paths": {
            "/v2/models/": {"get": {}},
            "/a/v2/models/m%20x/predict/": post(),
            "/a/v2/models/m%20x/train/": post(),
            "/a/v2/models/m%20x/train/{uuid}": {"get": {}},
            "/v2/models/deepaas-test/predict/": post(),
            "http://evil/v2/models/e/predict/": post(),
            "/v2/models/{m}/predict/": post(),
        }
    }
    first, second = offers(spec)
    assert (first.key, first.path) == ("m x", "/a/v2/models/m%20x")
    assert first.predict is not None
    assert first.train is not None
    assert second.is_stand_in
    assert second.train is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
            ["name", "in", "type", "enum", "default", "items", "minimum", "format", "description"]
        ), inner),
        max_leaves=30,
    )
)  # fmt: skip
def test_no_description_breaks_the_form(data: object) -> None:
    made = form_of(data)
    assert all(isinstance(item.name, str) for item in made.fields)
    made.defaults  # noqa: B018
