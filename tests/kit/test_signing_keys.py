"""Keys outlive restarts, crashes and changes, agree between processes, and are told to nobody."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from garaza.kit.signing.keys import new_private_key, private_pem, thumbprint, to_base64
from garaza.kit.signing_keys import LOOK_SECONDS, SigningKeys, SigningKeysError

RETIRE = 1000.0


class Time:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signing-keys.json"


@pytest.fixture
def start(path: Path, time: Time) -> Callable[[], SigningKeys]:
    """Opens the keys as a process does that has just started."""
    return lambda: SigningKeys(path, retire_after_seconds=RETIRE, clock=time)


def everything(keys: SigningKeys) -> object:
    keyid, private = keys.outgoing()
    return keys.signing(), keyid, private.private_bytes_raw(), keys.public_jwks()


def test_keys_are_made_once_and_for_this_user_alone(path: Path, start: Callable[[], SigningKeys]) -> None:
    old = os.umask(0)
    try:
        first = start()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kid, secret = first.signing()
    assert len(secret) == 32
    assert first.verifying(kid) == secret
    assert everything(start()) == everything(first)


def test_two_files_have_two_keys(tmp_path: Path) -> None:
    one, other = (SigningKeys(tmp_path / name, retire_after_seconds=RETIRE) for name in "ab")
    assert one.signing()[0] != other.signing()[0]
    assert one.signing()[1] != other.signing()[1]
    assert one.outgoing()[0] != other.outgoing()[0]
    assert one.verifying(other.signing()[0]) is None


def test_processes_that_start_together_agree(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from garaza.kit.signing_keys import SigningKeys; sys.stdin.read(); "
        "keys = SigningKeys(Path(sys.argv[1]), retire_after_seconds=1); print(keys.signing(), keys.outgoing()[0])"
    )
    command = [sys.executable, "-c", program, str(path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(4)
    ]
    told = []
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    for process in started:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        told.append(out)
    assert len(set(told)) == 1
    assert told[0].strip()


def test_threads_that_start_and_rotate_together_agree(path: Path, start: Callable[[], SigningKeys]) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: start(), range(8)))
        assert len({keys.signing() for keys in made}) == 1
        first = made[0].signing()
        kids = list(threads.map(lambda keys: keys.rotate(), made))
        again = list(threads.map(lambda _: made[0].rotate(), range(4)))
    # None was lost to another that was written at the same time.
    assert len(json.loads(path.read_text())["tokens"]) == 13
    for keys in made:
        assert all(keys.verifying(kid) is not None for kid in [first[0], *kids, *again])


def test_a_new_key_signs_and_the_old_one_verifies_until_it_retires(
    start: Callable[[], SigningKeys], time: Time
) -> None:
    keys = start()
    old = keys.signing()
    time.now += 50
    new = keys.rotate()
    assert keys.signing()[0] == new != old[0]
    assert keys.signing()[1] != old[1]
    # A process that hasn't noticed yet has signed with it for some seconds more.
    time.now += RETIRE + LOOK_SECONDS - 0.001
    assert keys.verifying(old[0]) == old[1]
    assert start().verifying(old[0]) == old[1]
    time.now += 0.002
    assert keys.verifying(old[0]) is None
    assert start().verifying(old[0]) is None
    assert keys.verifying(new) == keys.signing()[1]


def test_retired_keys_leave_the_file(path: Path, start: Callable[[], SigningKeys], time: Time) -> None:
    keys = start()
    kids = [keys.signing()[0]]
    for _ in range(4):
        time.now += 0.6 * RETIRE
        kids.append(keys.rotate())
    held = [key["keyid"] for key in json.loads(path.read_text())["tokens"]]
    assert held == kids[:-4:-1]
    # Each counts from when it was replaced, not from the last rotation.
    time.now += 0.5 * RETIRE
    assert [keys.verifying(kid) is not None for kid in kids] == [False, False, False, True, True]


def test_another_process_notices_a_rotation(start: Callable[[], SigningKeys], time: Time) -> None:
    one, other = start(), start()
    old = one.signing()
    new = one.rotate()
    # A token that was signed with the new key is good everywhere at once.
    assert other.verifying(new) == one.signing()[1]
    one, other = start(), start()
    new = one.rotate()
    assert other.signing()[0] != new
    time.now += LOOK_SECONDS
    assert other.signing()[0] == new
    assert other.verifying(old[0]) == old[1]
    one.rotate()
    time.now -= 10_000
    assert other.signing() == one.signing()


def test_an_unchanged_file_is_not_read_again(
    start: Callable[[], SigningKeys], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = start()

    def never(*_args: object) -> None:
        raise AssertionError

    monkeypatch.setattr("garaza.kit.signing.key_file.KeyFile.read", never)
    for _ in range(5):
        time.now += 100
        assert keys.signing()
        assert keys.verifying("unknown") is None
    monkeypatch.setattr("garaza.kit.signing.key_file.KeyFile.stamp", never)
    assert keys.signing()
    for kid in ("", "a" * 65, "../etc", "é", "a b", "a\n"):
        assert keys.verifying(kid) is None


def test_what_others_sign_by_is_public_and_what_we_sign_with_is_not(
    path: Path, start: Callable[[], SigningKeys], time: Time
) -> None:
    keys = start()
    keyid, private = keys.outgoing()
    assert keyid == thumbprint(private.public_key())
    new = keys.rotate_outgoing()
    assert keys.outgoing()[0] == new != keyid
    assert [key["kid"] for key in keys.public_jwks()["keys"]] == [new, keyid]
    published = json.dumps(keys.public_jwks())
    entries = json.loads(path.read_text())
    for entry in [*entries["messages"], *entries["tokens"]]:
        assert entry["value"].rstrip("=") not in published
    for key in keys.public_jwks()["keys"]:
        assert key.keys() == {"crv", "kty", "x", "kid", "use"}
    # As other programs read it.
    read = jwt.PyJWKSet.from_dict(keys.public_jwks())[keyid]
    read.key.verify(private.sign(b"message"), b"message")
    time.now += RETIRE + LOOK_SECONDS + 1
    assert [key["kid"] for key in keys.public_jwks()["keys"]] == [new]


def test_rotating_one_kind_leaves_the_other(start: Callable[[], SigningKeys]) -> None:
    keys = start()
    tokens, messages = keys.signing(), keys.outgoing()[0]
    keys.rotate_outgoing()
    assert keys.signing() == tokens
    messages = keys.outgoing()[0]
    keys.rotate()
    assert keys.outgoing()[0] == messages


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace", "json.dump"])
def test_a_crash_in_the_middle_of_a_rotation_leaves_the_old_keys(
    path: Path, start: Callable[[], SigningKeys], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    keys = start()
    before = everything(keys)

    def fail(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises(OSError, match="No space"):
            keys.rotate()
    assert everything(keys) == before
    assert everything(start()) == before
    kid = keys.rotate()
    assert start().signing()[0] == kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        "[" * 100_000,
        '{"format": 1}',
        '{"format": 2, "tokens": [], "messages": []}',
        '{"format": 1, "tokens": [], "messages": []}',
        '{"format": 1, "tokens": [1], "messages": [1]}',
        '{"format": 1, "tokens": {"a": 1}, "messages": 1}',
        "\x00" * 100,
        "é",
    ],
)
def test_a_file_that_holds_no_keys_is_refused_and_never_overwritten(
    path: Path, start: Callable[[], SigningKeys], time: Time, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    running = start()
    before = everything(running)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SigningKeysError, match="Restore it"):
        start()
    with pytest.raises(SigningKeysError, match="Restore it"):
        running.rotate()
    # Whoever is logged in stays so, and the log says it once.
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            time.now += 100
            assert everything(running) == before
            assert running.verifying("unknown") is None
    assert len(caplog.records) == 1
    assert path.read_bytes() == content.encode("latin-1")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {
        "keyid": st.just("kid") | json_values,
        "value": st.just("A" * 43) | json_values,
        "made_at": st.just(1.0) | json_values,
        "replaced_at": st.none() | json_values,
    }
)


@settings(max_examples=300, deadline=None)
@given(tokens=st.lists(entries, max_size=2) | json_values, messages=st.lists(entries, max_size=2) | json_values)
def test_no_file_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, tokens: object, messages: object
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"format": 1, "tokens": tokens, "messages": messages}))
    try:
        keys = SigningKeys(path, retire_after_seconds=RETIRE)
    except SigningKeysError:
        return
    everything(keys)


def test_a_file_that_is_gone_is_not_made_anew_by_those_who_run(
    path: Path, start: Callable[[], SigningKeys], time: Time
) -> None:
    keys = start()
    before = everything(keys)
    path.unlink()
    time.now += 100
    assert everything(keys) == before
    with pytest.raises(SigningKeysError, match="gone"):
        keys.rotate()
    assert not path.exists()


def test_a_file_that_others_can_read_is_told(
    path: Path, start: Callable[[], SigningKeys], caplog: pytest.LogCaptureFixture
) -> None:
    start()
    start()
    assert caplog.records == []
    path.chmod(0o640)
    start()
    assert "chmod 600" in caplog.text


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="directory"):
        SigningKeys(tmp_path / "file" / "keys.json", retire_after_seconds=RETIRE)


ONE, TWO = to_base64(b"1" * 32), to_base64(b"2" * 40)


def test_secrets_may_be_given(path: Path) -> None:
    keys = SigningKeys(path, retire_after_seconds=RETIRE, given=f"new:{ONE}, old:{TWO.rstrip('=')}")
    assert keys.signing() == ("new", b"1" * 32)
    assert keys.verifying("old") == b"2" * 40
    assert keys.verifying("other") is None
    with pytest.raises(SigningKeysError, match="setting"):
        keys.rotate()
    # The file's own do not verify, and the pair for messages is the file's.
    own = json.loads(path.read_text())
    assert keys.verifying(own["tokens"][0]["keyid"]) is None
    assert keys.outgoing()[0] == own["messages"][0]["keyid"]
    assert keys.rotate_outgoing() == keys.outgoing()[0]
    assert keys.signing() == ("new", b"1" * 32)


def test_with_all_keys_given_no_file_is_touched(path: Path) -> None:
    pair = new_private_key()
    for text in (private_pem(pair), to_base64(pair.private_bytes_raw())):
        keys = SigningKeys(path, retire_after_seconds=RETIRE, given=f"a:{ONE}", given_private_key=text)
        assert keys.outgoing()[0] == thumbprint(pair.public_key())
        assert isinstance(keys.outgoing()[1], Ed25519PrivateKey)
        assert keys.verifying("b") is None
        for rotate in (keys.rotate, keys.rotate_outgoing):
            with pytest.raises(SigningKeysError, match="setting"):
                rotate()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("given_text", "told"),
    [
        ("", "Secret 1 needs a kid"),
        (ONE, "Secret 1 needs a kid"),
        (f":{ONE}", "Secret 1 needs a kid"),
        (f"a b:{ONE}", "Secret 1 needs a kid"),
        (f"a:{ONE},", "Secret 2 needs a kid"),
        (f"a:{ONE},a:{TWO}", "same kid"),
        (f"a:{ONE},b:{to_base64(b'1' * 31)}", "Secret 2 .* 32"),
        (f"a:{ONE}*", "Secret 1 .* base64"),
        (",".join(f"k{n}:{ONE}" for n in range(17)), "16"),
    ],
)
def test_what_is_given_wrongly_is_told_without_the_secret(path: Path, given_text: str, told: str) -> None:
    with pytest.raises(SigningKeysError, match=told) as caught:
        SigningKeys(path, retire_after_seconds=RETIRE, given=given_text)
    assert ONE[:12] not in str(caught.value)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["", TWO, f"a:{ONE}", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_private_key_that_is_none_is_told_without_it(path: Path, text: str) -> None:
    with pytest.raises(SigningKeysError, match="private key") as caught:
        SigningKeys(path, retire_after_seconds=RETIRE, given_private_key=text)
    assert not text or text not in str(caught.value)
    assert list(path.parent.iterdir()) == []


def test_nothing_shows_a_secret_by_itself(start: Callable[[], SigningKeys]) -> None:
    keys = start()
    secret = keys.signing()[1]
    for shown in (repr(keys), repr(vars(keys))):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
