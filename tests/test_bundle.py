"""A bundle is taken whole or refused with one line that says what is wrong where."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

from neurorack import bundle
from neurorack.errors import BadInput
from neurorack.patch.found import points_size

POINTS = points_size(8, 0)


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "tiny"))


def edit_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def seal(folder: Path, part: str) -> None:
    """Make the card agree with a changed file, as a stranger who means harm would."""
    file = {"decoder": "decoder.onnx", "gestures": "gestures.safetensors"}[part]
    described = bundle.describe_gestures(folder / file, [])
    edit_card(folder, lambda card: card[part].update(sha256=described.sha256, bytes=described.bytes))


def edit_decoder(folder: Path, change: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(str(folder / "decoder.onnx"))
    change(model)
    (folder / "decoder.onnx").write_bytes(model.SerializeToString())
    seal(folder, "decoder")


def refused(folder: Path, pattern: str) -> None:
    with pytest.raises(BadInput, match=pattern) as caught:
        bundle.load(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line


def test_a_whole_bundle_loads(folder: Path) -> None:
    whole = bundle.load(folder)
    assert whole.card.latent == 8
    assert whole.decoder_onnx == (folder / "decoder.onnx").read_bytes()
    assert [gesture.name for gesture in whole.gestures] == ["hold", "still"]
    assert whole.gestures[0].latent.shape == (180, 8)
    assert (whole.gestures[0].loop_start, whole.gestures[0].loop_end) == (20, 120)


def test_a_card_written_is_the_card_read(folder: Path) -> None:
    card = bundle.read_card(folder)
    bundle.write_card(folder, card)
    assert bundle.read_card(folder) == card


def test_fields_of_a_later_version_are_passed_over(folder: Path) -> None:
    edit_card(folder, lambda card: card.update(mood="blue"))
    assert bundle.load(folder).card.title == "Tiny"


def test_the_graph_is_read_as_the_onnx_package_reads_it(folder: Path) -> None:
    model = onnx.load(str(folder / "decoder.onnx"))
    described = bundle.describe_network(folder / "decoder.onnx")
    for ports, values in ((described.inputs, model.graph.input), (described.outputs, model.graph.output)):
        assert [port.name for port in ports] == [value.name for value in values]
        for port, value in zip(ports, values, strict=True):
            assert port.shape == [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    assert described.states == [("state_gain", "next_gain"), ("state_tail", "next_tail")]


def test_a_name_is_found_among_the_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURORACK_MODELS", str(folder.parent))
    assert bundle.find("tiny") == folder
    assert bundle.installed() == [folder]
    with pytest.raises(BadInput, match=r"no bundle 'huge'.*give a folder or one of: tiny"):
        bundle.load("huge")


@pytest.mark.parametrize("file", ["card.json", "decoder.onnx", "gestures.safetensors"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refused(folder, rf"missing .*{file}")


@pytest.mark.parametrize("file", ["decoder.onnx", "gestures.safetensors"])
def test_a_truncated_file_is_refused(folder: Path, file: str) -> None:
    os.truncate(folder / file, 100)
    refused(folder, rf"truncated: 100 bytes of \d+ .*{file}")


@pytest.mark.parametrize("file", ["decoder.onnx", "gestures.safetensors"])
def test_a_single_changed_byte_is_refused(folder: Path, file: str) -> None:
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    refused(folder, rf"sha256.*{file}")


@pytest.mark.parametrize("part", ["decoder", "gestures"])
def test_five_thousand_changed_bytes_are_each_refused(folder: Path, part: str) -> None:
    told = getattr(bundle.read_card(folder), part)
    path, whole = folder / told.file, (folder / told.file).read_bytes()
    with path.open("r+b", buffering=0) as file:
        for change in range(5_000):
            place = change * 7919 % len(whole)
            os.pwrite(file.fileno(), bytes([whole[place] ^ (1 + change % 255)]), place)
            with pytest.raises(BadInput, match="sha256"):
                bundle.read_file(folder, told.file, len(whole), told.sha256, told.bytes)
            os.pwrite(file.fileno(), whole[place : place + 1], place)
    assert bundle.read_file(folder, told.file, len(whole), told.sha256, told.bytes) == whole


def test_whatever_byte_of_a_card_is_changed_it_is_read_or_refused_in_one_line(folder: Path) -> None:
    """A card is for people to edit and has no sum of its own."""
    path = folder / "card.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            bundle.read_card(folder)
        except BadInput as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("file", ["card.json", "decoder.onnx", "gestures.safetensors"])
def test_an_oversized_file_is_refused_unread(folder: Path, file: str) -> None:
    os.truncate(folder / file, 1 << 40)  # a hole: costs nothing unless somebody reads it
    refused(folder, rf"too big.*{file}")


@pytest.mark.parametrize("name", ["../decoder.onnx", "/etc/passwd", "..", "", "sub/decoder.onnx", "a\\b"])
@pytest.mark.parametrize("part", ["decoder", "gestures"])
def test_a_path_out_of_the_folder_is_refused(folder: Path, part: str, name: str) -> None:
    edit_card(folder, lambda card: card[part].update(file=name))
    refused(folder, "outside the bundle")


@pytest.mark.parametrize("file", ["card.json", "decoder.onnx", "gestures.safetensors"])
def test_a_link_is_refused(folder: Path, tmp_path: Path, file: str) -> None:
    shutil.move(folder / file, tmp_path / "elsewhere")
    (folder / file).symlink_to(tmp_path / "elsewhere")
    refused(folder, rf"is a link .*{file}")


def test_a_pipe_does_not_hold_us_up(folder: Path) -> None:
    (folder / "decoder.onnx").unlink()
    os.mkfifo(folder / "decoder.onnx")
    refused(folder, "not a plain file")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ("\xff\xfe", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"schema": 1}', "damaged: Object missing required field"),
    ],
)
def test_a_damaged_card_is_refused(folder: Path, text: str, pattern: str) -> None:
    (folder / "card.json").write_bytes(text.encode("latin-1"))
    refused(folder, pattern)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"schema": 1}, "schema 1"),
        ({"sample_rate_hz": 44100}, "44100 Hz"),
        ({"hop": 128}, "hops of 128"),
        ({"latent": 0}, "latent must be"),
        ({"delay_samples": 500}, "at most 3 ms"),
        ({"latent": "eight"}, r"damaged: Expected `int`"),
        ({"latent": 7}, r"'controls' has shape"),
        ({"harmonics": 39}, r"'harmonics' has shape"),
        ({"knobs": []}, "knobs must be rms"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(folder: Path, change: dict[str, Any], pattern: str) -> None:
    edit_card(folder, lambda card: card.update(change))
    refused(folder, pattern)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"quantiles": [0.0, 1.0, 0.5]}, "quantiles must rise"),
        ({"quantiles": [1.0, 1.0]}, "quantiles must rise"),
        ({"quantiles": [0.0]}, "quantiles must rise"),
        ({"location": [1e9, 0.0]}, "far too big"),
        ({"location": [1.0]}, "equally many"),
        ({"terms": [[0], [9]]}, "power 0…8"),
        ({"terms": [[0], []]}, "power 0…8"),
        ({"low": 20.0}, "low must be below high"),
        ({"spread_floor": 0.0}, "spread_floor"),
        ({"conditions": [{"name": "sharpness", "low": 0.0, "high": 1.0}]}, "conditions must be among pitch, rms"),
        ({"conditions": [{"name": "pitch", "low": 1.0, "high": 1.0}]}, "low < high"),
    ],
)
def test_a_wrong_knob_scale_is_refused(folder: Path, change: dict[str, Any], pattern: str) -> None:
    edit_card(folder, lambda card: card["knobs"][1].update(change))
    refused(folder, rf"knob centroid: .*{pattern}")


def test_nan_is_no_number_in_a_card(folder: Path) -> None:
    text = (folder / "card.json").read_text()
    (folder / "card.json").write_text(re.sub(r'"spread_floor": [\d.]+', '"spread_floor": NaN', text))
    refused(folder, "damaged")


def test_a_decoder_that_is_not_what_the_card_says_is_refused(folder: Path) -> None:
    edit_card(folder, lambda card: card["decoder"]["inputs"][1]["shape"].__setitem__(2, 41))
    refused(folder, "inputs are not the card's")


def test_a_state_of_unknown_shape_is_refused(folder: Path) -> None:
    edit_decoder(folder, lambda model: setattr(model.graph.input[5].type.tensor_type.shape.dim[1], "dim_param", "n"))
    edit_card(folder, lambda card: card["decoder"]["inputs"][5]["shape"].__setitem__(1, "n"))
    refused(folder, "'state_tail' must have a fixed shape")


def test_a_state_that_nothing_carries_on_is_refused(folder: Path) -> None:
    edit_card(folder, lambda card: card["decoder"]["states"].pop())
    refused(folder, "state_tail")


def test_a_huge_state_is_refused(folder: Path) -> None:
    def grow(model: onnx.ModelProto) -> None:
        model.graph.input[5].type.tensor_type.shape.dim[1].dim_value = 1 << 40

    edit_decoder(folder, grow)
    edit_card(folder, lambda card: card["decoder"]["inputs"][5]["shape"].__setitem__(1, 1 << 40))
    refused(folder, "states hold")


def test_external_data_is_refused(folder: Path) -> None:
    def move_out(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value="../../../etc/passwd")

    edit_decoder(folder, move_out)
    refused(folder, "external data")


def test_external_data_of_a_constant_node_is_refused(folder: Path) -> None:
    def add(model: onnx.ModelProto) -> None:
        node = helper.make_node("Constant", [], ["x"], value=helper.make_tensor("x", TensorProto.FLOAT, [1], [0.0]))
        node.attribute[0].t.external_data.add(key="location", value="x")
        model.graph.node.append(node)

    edit_decoder(folder, add)
    refused(folder, "external data")


@pytest.mark.parametrize("where", ["node", "opset"])
def test_operators_of_another_domain_are_refused(folder: Path, where: str) -> None:
    def add(model: onnx.ModelProto) -> None:
        if where == "node":
            model.graph.node[0].domain = "com.evil"
        else:
            model.opset_import.append(helper.make_opsetid("com.evil", 1))

    edit_decoder(folder, add)
    refused(folder, "another domain, 'com.evil'")


def test_control_flow_is_refused(folder: Path) -> None:
    def add(model: onnx.ModelProto) -> None:
        body = helper.make_graph([], "body", [], [])
        model.graph.node.append(helper.make_node("Loop", ["x"], ["y"], body=body))

    edit_decoder(folder, add)
    refused(folder, "control flow")


def scan(along: str, inside: list[onnx.NodeProto] | None = None, row: str = "row") -> onnx.NodeProto:
    """A Scan along `along` whose graph gives its row, after the nodes `inside`."""
    body = helper.make_graph(inside or [], "body", [onnx.ValueInfoProto(name=row)], [onnx.ValueInfoProto(name=row)])
    return helper.make_node("Scan", [along], [f"{row}_told"], body=body, num_scan_inputs=1)


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ([helper.make_node("Exp", ["controls"], ["huge"]), scan("huge")], "walks along no input"),
        ([scan("controls", [scan("state_tail", row="other")])], "walks along no input"),
        ([scan("controls", [scan("row", [scan("other", row="third")], row="other")])], "more than 2 deep"),
        ([scan("controls", [helper.make_node("Exp", ["nowhere"], ["y"])])], "nothing in it gives 'nowhere'"),
        ([scan("controls", [helper.make_node("Exp", ["row"], ["y"], domain="com.evil")])], "another domain"),
    ],
)
def test_a_scan_that_could_turn_forever_or_hides_something_is_refused(
    folder: Path, nodes: list[onnx.NodeProto], what: str
) -> None:
    edit_decoder(folder, lambda model: model.graph.node.extend(nodes))
    refused(folder, what)


def test_a_scan_whose_graph_is_said_twice_is_refused(folder: Path) -> None:
    node = scan("controls")
    node.attribute.append(helper.make_attribute("num_scan_inputs", 0))
    edit_decoder(folder, lambda model: model.graph.node.append(node))
    refused(folder, "same attribute twice")


def test_a_scan_along_an_input_and_along_a_row_of_one_is_read(folder: Path) -> None:
    edit_decoder(folder, lambda model: model.graph.node.append(scan("controls", [scan("row", row="other")])))
    assert bundle.load(folder).card.decoder.inputs


def test_functions_are_refused(folder: Path) -> None:
    def add(model: onnx.ModelProto) -> None:
        model.functions.append(helper.make_function("", "f", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))

    edit_decoder(folder, add)
    refused(folder, "functions")


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"PK\x03\x04" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x80" * 50])
def test_what_is_no_onnx_is_refused(folder: Path, data: bytes) -> None:
    (folder / "decoder.onnx").write_bytes(data)
    seal(folder, "decoder")
    refused(folder, "network is refused")


def test_a_million_tiny_fields_are_refused_in_time(folder: Path) -> None:
    (folder / "decoder.onnx").write_bytes(b"\x08\x01" * (15 << 20))
    seal(folder, "decoder")
    refused(folder, "fields")


def test_every_cut_of_a_decoder_is_refused_or_read_without_a_crash(folder: Path) -> None:
    data = (folder / "decoder.onnx").read_bytes()
    for cut in range(0, len(data), 7):
        (folder / "decoder.onnx").write_bytes(data[:cut])
        try:
            bundle.describe_network(folder / "decoder.onnx")
        except BadInput:
            continue
        pytest.fail(f"{cut} bytes were taken for a whole decoder")


@pytest.mark.parametrize("part", ["latent", "descriptors", "median"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gesture_with_nan_is_refused(folder: Path, part: str, value: float) -> None:
    arrays = load_file(folder / "gestures.safetensors")
    arrays[f"hold/{part}"].flat[3] = value
    save_file(arrays, folder / "gestures.safetensors")
    seal(folder, "gestures")
    refused(folder, f"gesture 'hold': {part} holds a number that is not finite")


@pytest.mark.parametrize("marks", [(-1, 5), (20, 181), (50, 40), (181, 181)])
def test_a_loop_outside_its_gesture_is_refused(folder: Path, marks: tuple[int, int]) -> None:
    arrays = load_file(folder / "gestures.safetensors")
    arrays["hold/marks"] = np.array(marks, np.int32)
    save_file(arrays, folder / "gestures.safetensors")
    seal(folder, "gestures")
    refused(folder, "gesture 'hold': its loop")


@pytest.mark.parametrize("shape", [(180, 7), (0, 8), (180,)])
def test_a_gesture_of_another_shape_is_refused(folder: Path, shape: tuple[int, ...]) -> None:
    arrays = load_file(folder / "gestures.safetensors")
    arrays["hold/latent"] = np.zeros(shape, np.float32)
    save_file(arrays, folder / "gestures.safetensors")
    seal(folder, "gestures")
    refused(folder, "gesture 'hold'")


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"\x10" + bytes(7) + b'{"a":{"dtype":1}', b"\x80\x04K\x01."])
def test_damaged_gestures_are_refused_and_never_unpickled(folder: Path, data: bytes) -> None:
    (folder / "gestures.safetensors").write_bytes(data)
    seal(folder, "gestures")
    refused(folder, "gestures are damaged")


def test_a_card_that_would_be_refused_is_not_written(folder: Path) -> None:
    before = (folder / "card.json").read_bytes()
    with pytest.raises(BadInput, match="schema 9"):
        bundle.write_card(folder, msgspec.structs.replace(bundle.read_card(folder), schema=9))
    assert (folder / "card.json").read_bytes() == before


LONG = "n" * 300
"""Longer than a file's name can be."""


@pytest.mark.parametrize("name", [LONG, f"models/{LONG}", "x/" * 3000, "nul\0"])
def test_a_name_that_no_folder_can_have_is_no_bundle(name: str) -> None:
    with pytest.raises(BadInput, match="no bundle"):
        bundle.load(name)


@pytest.mark.parametrize("part", ["decoder", "gestures"])
def test_a_file_name_that_no_file_can_have_is_refused(folder: Path, part: str) -> None:
    edit_card(folder, lambda card: card[part].update(file=LONG))
    refused(folder, "cannot read the bundle: File name too long")


@pytest.mark.parametrize("file", ["card.json", "decoder.onnx", "gestures.safetensors"])
def test_a_folder_in_place_of_a_file_is_refused(folder: Path, file: str) -> None:
    (folder / file).unlink()
    (folder / file).mkdir()
    refused(folder, f"not a plain file .*{file}")


@pytest.mark.parametrize("character", ["\0", "\n", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e"])
def test_a_control_character_in_a_card_is_refused(folder: Path, character: str) -> None:
    whole = (folder / "card.json").read_text()
    text = f"some{character}thing"
    places: list[Callable[[dict[str, Any]], object]] = [
        *(lambda card, key=key: card.update({key: text}) for key in ("name", "title", "version", "license")),
        *(lambda card, key=key: card["sources"][0].update({key: text}) for key in ("name", "license", "what")),
        lambda card: card["gestures"]["names"].append(text),
        lambda card: card["knobs"][0].update(unit=text),
        lambda card: card["quality"].update({text: 1.0}),
        lambda card: card["decoder"].update(file=text),
        lambda card: card["decoder"]["inputs"][0].update(name=text),
    ]
    for place in places:
        edit_card(folder, place)
        with pytest.raises(BadInput, match="control character") as caught:
            bundle.read_card(folder)
        assert character not in str(caught.value)
        (folder / "card.json").write_text(whole)


def test_letters_of_any_language_may_stand_in_a_card(folder: Path) -> None:
    edit_card(folder, lambda card: card.update(title="Glocken für Zoë, 鐘 🔔"))
    assert bundle.load(folder).card.title == "Glocken für Zoë, 鐘 🔔"


@pytest.mark.parametrize(("field", "length"), [("name", 65), ("name", 0), ("title", 1001)])
def test_texts_of_a_card_are_bounded(folder: Path, field: str, length: int) -> None:
    edit_card(folder, lambda card: card.update({field: "x" * length}))
    refused(folder, "characters")


@pytest.mark.parametrize("name", ["weights", "noise_gains"])
def test_a_graph_that_takes_what_nothing_gives_is_refused(folder: Path, name: str) -> None:
    def rename(model: onnx.ModelProto) -> None:
        next(tensor for tensor in model.graph.initializer if tensor.name == name).name = "other"

    edit_decoder(folder, rename)
    refused(folder, f"nothing in it gives '{name}'")


def test_a_graph_that_gives_no_audio_is_refused(folder: Path) -> None:
    edit_decoder(folder, lambda model: model.graph.node[-1].output.__setitem__(0, "radio"))
    refused(folder, "nothing in it gives 'audio'")


def test_an_input_left_out_is_not_missed(folder: Path) -> None:
    def clip(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "dry"
        model.graph.node.append(helper.make_node("Clip", ["dry", "", "one_f"], ["audio"]))
        model.graph.initializer.append(helper.make_tensor("one_f", TensorProto.FLOAT, [], [1.0]))

    edit_decoder(folder, clip)
    assert bundle.load(folder).name == "tiny"


def test_a_node_whose_name_steers_a_terminal_is_refused(folder: Path) -> None:
    edit_decoder(folder, lambda model: setattr(model.graph.node[0], "name", "\x1b[2J"))
    refused(folder, "not printable")


@pytest.fixture
def struck(struck_bundle: Path, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(struck_bundle, tmp_path / "struck"))


def edit_gestures(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    arrays = load_file(folder / "gestures.safetensors")
    change(arrays)
    save_file(arrays, folder / "gestures.safetensors")
    seal(folder, "gestures")


def test_a_percussive_bundle_loads(struck: Path) -> None:
    whole = bundle.load(struck)
    assert whole.card.kind == "percussive"
    drum, bell, brush = whole.gestures
    assert drum.partials.shape == (24,) and drum.pitch.shape == (160,)
    assert drum.loop_start == drum.loop_end and bell.loop_start == bell.loop_end and brush.loop_end > brush.loop_start


def test_an_older_bundle_is_pitched_and_its_gestures_stand_in_pitch(folder: Path) -> None:
    assert '"kind"' not in (folder / "card.json").read_text()
    whole = bundle.load(folder)
    assert whole.card.kind == "pitched"
    for gesture in whole.gestures:
        assert gesture.partials is None
        np.testing.assert_array_equal(gesture.pitch, np.zeros(len(gesture.latent), np.float32))


def test_a_kind_nobody_knows_is_refused(folder: Path) -> None:
    edit_card(folder, lambda card: card.update(kind="edible"))
    refused(folder, "pitched, percussive, speaking, not 'edible'")


@pytest.mark.parametrize("value", [np.nan, np.inf, 8.1, -8.1])
def test_a_pitch_out_of_bounds_is_refused(struck: Path, value: float) -> None:
    edit_gestures(struck, lambda arrays: arrays["drum/pitch"].__setitem__(7, value))
    refused(struck, "gesture 'drum': .*pitch")


def test_a_pitch_of_another_length_is_refused(struck: Path) -> None:
    edit_gestures(struck, lambda arrays: arrays.update({"drum/pitch": np.zeros(159, np.float32)}))
    refused(struck, "gesture 'drum': pitch is missing or of another shape")


@pytest.mark.parametrize(("place", "value"), [(0, -1.1), (23, 12.1), (5, 0.0), (5, np.nan), (23, np.inf)])
def test_partials_that_do_not_rise_within_bounds_are_refused(struck: Path, place: int, value: float) -> None:
    edit_gestures(struck, lambda arrays: arrays["bell/partials"].__setitem__(place, value))
    refused(struck, "gesture 'bell': .*partials")


def test_a_strike_without_partials_is_refused(struck: Path) -> None:
    edit_gestures(struck, lambda arrays: arrays.pop("bell/partials"))
    refused(struck, "gesture 'bell': partials is missing")


def test_partials_of_another_number_are_refused(struck: Path) -> None:
    def widen(model: onnx.ModelProto) -> None:
        port = next(port for port in model.graph.input if port.name == "partials")
        port.type.tensor_type.shape.dim[1].dim_value = 25

    edit_decoder(struck, widen)
    place = next(n for n, port in enumerate(bundle.read_card(struck).decoder.inputs) if port.name == "partials")
    edit_card(struck, lambda card: card["decoder"]["inputs"][place]["shape"].__setitem__(1, 25))
    refused(struck, "input 'partials' has shape")


def test_a_gesture_of_no_rows_is_refused(folder: Path) -> None:
    def empty(arrays: dict[str, np.ndarray]) -> None:
        arrays["hold/latent"], arrays["hold/descriptors"] = np.zeros((0, 8), np.float32), np.zeros((0, 5), np.float32)
        arrays["hold/marks"] = np.zeros(2, np.int32)

    edit_gestures(folder, empty)
    refused(folder, "gesture 'hold': its loop 0…0 does not lie in its 0 hops")


def write_encoder(folder: Path, takes: tuple[str, int], gives: tuple[str, int]) -> None:
    """An encoder of zeros, that the card knows."""
    value, f32 = helper.make_tensor_value_info, TensorProto.FLOAT
    weight = helper.make_tensor("weight", f32, [takes[1], gives[1]], [0.0] * (takes[1] * gives[1]))
    node = helper.make_node("MatMul", [takes[0], "weight"], [gives[0]])
    ports = [[value(name, f32, ["frames", columns])] for name, columns in (takes, gives)]
    graph = helper.make_graph([node], "encoder", *ports, [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "encoder.onnx"))
    described = bundle.describe_network(folder / "encoder.onnx")
    bundle.write_card(folder, msgspec.structs.replace(bundle.read_card(folder), encoder=described))


def test_an_encoder_is_kept_for_whoever_listens(folder: Path) -> None:
    write_encoder(folder, ("features", 65), ("latent", 8))
    assert bundle.load(folder).encoder_onnx == (folder / "encoder.onnx").read_bytes()


@pytest.mark.parametrize(
    ("takes", "gives", "pattern"),
    [
        (("features", 64), ("latent", 8), "'features' has shape"),
        (("sound", 65), ("latent", 8), "input 'features' has shape None"),
        (("features", 65), ("latent", 9), "'latent' has shape"),
        (("features", 65), ("secret", 8), "output 'latent' has shape None"),
    ],
)
def test_an_encoder_of_other_ports_is_refused(
    folder: Path, takes: tuple[str, int], gives: tuple[str, int], pattern: str
) -> None:
    write_encoder(folder, takes, gives)
    refused(folder, pattern)


def test_a_space_is_kept_for_whoever_looks_for_gestures(finding_bundle: Path) -> None:
    assert bundle.load(finding_bundle).space_onnx == (finding_bundle / "space.onnx").read_bytes()


@pytest.fixture
def finding(finding_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finding_bundle, tmp_path / "finding")


def test_a_space_that_was_changed_is_refused(finding: Path) -> None:
    data = bytearray((finding / "space.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (finding / "space.onnx").write_bytes(data)
    refused(finding, "sha256")


def test_a_space_that_is_missing_is_refused(finding: Path) -> None:
    (finding / "space.onnx").unlink()
    refused(finding, "a file of the bundle is missing")


@pytest.mark.parametrize(
    ("points", "steps", "pattern"),
    [(POINTS - 1, 3, "'points' has shape"), (POINTS, 1, "2…64 coordinates"), (POINTS, 65, "2…64 coordinates")],
)
def test_a_space_of_other_ports_is_refused(finding: Path, points: int, steps: int, pattern: str) -> None:
    value, f32 = helper.make_tensor_value_info, TensorProto.FLOAT
    ports = [value(name, f32, ["frames", columns]) for name, columns in (("points", points), ("steps", steps))]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["points"], ["changes"])],
        "space",
        ports,
        [value("changes", f32, ["frames", points])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(finding / "space.onnx"))
    described = bundle.describe_network(finding / "space.onnx")
    bundle.write_card(finding, msgspec.structs.replace(bundle.read_card(finding), space=described))
    refused(finding, pattern)
