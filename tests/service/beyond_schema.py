"""A check for schemathesis: data that fits the schema is refused only for what a schema cannot say."""

import schemathesis

# What only a catalogue, a clock, a picture, or two fields together can tell.
BEYOND_SCHEMA = {
    *("unknown_attribute", "unknown_value", "unknown_unit", "contradictory_condition"),
    *("reserved", "not_an_image", "truncated", "too_small", "no_words"),
    *("quota_exceeds_k", "quota_in_groups", "time_in_future", "columns_differ", "missing", "repeated_item"),
    *("empty_box", "box_and_region", "outside_face", "box_too_small", "no_face", "unknown_face"),
    *("not_a_turn", "another_image"),
}


@schemathesis.check
def refused_for_what_a_schema_cannot_say(_, response, case):
    """422 to valid data names only codes of BEYOND_SCHEMA."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:
        codes = {fault["code"] for fault in response.json()["errors"]}
        assert codes <= BEYOND_SCHEMA, f"expected codes of {sorted(BEYOND_SCHEMA)}, got {sorted(codes)}"
