"""`deploy` fits what it deploys. Its containers are started by nobody here: what can be known without them is."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from garaza.cli.app import app
from garaza.kit.storage import DataDirectory
from garaza.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
NGINX = re.sub(r"(?m)^\s*#.*$", "", (DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")
_PIN = re.compile(r"(?m)^([\w.-]+)==(\S+)")


def _example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _compose(given: dict[str, str]) -> dict[str, Any]:
    """The file with its variables put in, as Compose does for what is used here."""

    def value(match: re.Match[str]) -> str:
        if given.get(match["name"]):
            return given[match["name"]]
        assert match["kind"] == "-", f"{match['name']} has to be given"
        return match["word"]

    def filled(node: Any) -> Any:
        # After parsing, as it does: what is put in stays text.
        match node:
            case dict():
                return {name: filled(child) for name, child in node.items()}
            case list():
                return [filled(child) for child in node]
            case str():
                return _VARIABLE.sub(value, node)
        return node

    loaded: dict[str, Any] = filled(yaml.safe_load(COMPOSE_TEXT))
    return loaded


_SECRETS = {"POSTGRES_PASSWORD": "secret", "QDRANT_API_KEY": "other"}
GIVEN = {
    "as it comes": _SECRETS,
    "the example": {**_example(), **_SECRETS},
    "with Celery": {**_SECRETS, "GARAZA_JOBS__BROKER_URL": "redis://valkey:6379/1"},
}


@pytest.fixture(params=GIVEN.values(), ids=GIVEN.keys())
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _compose(request.param)


def _settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        assert isinstance(value, str), f"{name} is no text in YAML"
        monkeypatch.setenv(name, value)
    return Settings()


def _known() -> set[str]:
    groups = {group: field.annotation for group, field in Settings.model_fields.items()}
    names = {f"GARAZA_{group}" for group in groups}
    for group, kind in groups.items():
        names |= {f"GARAZA_{group}__{name}" for name in getattr(kind, "model_fields", ())}
    return {name.upper() for name in names}


@pytest.mark.parametrize("name", _SECRETS)
def test_secrets_must_be_given(name: str) -> None:
    with pytest.raises(AssertionError, match=name):
        _compose({**_example(), **_SECRETS, name: ""})


@pytest.mark.parametrize("name", ["compose.yaml", ".env.example", "Dockerfile", "README.md"])
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"GARAZA_[A-Z_]*[A-Z]", (DEPLOY / name).read_text(encoding="utf-8")))
    assert named
    assert named <= _known()


def test_what_the_example_sets_is_used() -> None:
    used = {match["name"] for match in _VARIABLE.finditer(COMPOSE_TEXT)}
    assert set(_example()) <= used
    # An example that only repeats the defaults must not repeat others.
    defaults = {match["name"]: match["word"] for match in _VARIABLE.finditer(COMPOSE_TEXT) if match["kind"] == "-"}
    assert {name: value for name, value in _example().items() if name in defaults} == {
        name: defaults[name] for name in _example() if name in defaults
    }


def test_services_are_told_what_garaza_understands(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("api", "worker"):
        settings = _settings(compose["services"][name]["environment"], monkeypatch)
        assert settings.database.url is not None
        assert settings.database.url.get_secret_value() == "postgresql://garaza:secret@postgres/garaza"
        assert settings.redis.url is not None
        assert not settings.jobs.embedded_worker
        assert not settings.guests_allowed
        # The same volume at the folder that both are told of.
        assert f"data:{settings.data_dir}" in compose["services"][name]["volumes"]


def test_the_service_and_its_workers_differ_only_in_whom_they_believe(compose: dict[str, Any]) -> None:
    api, worker = (dict(compose["services"][name]["environment"]) for name in ("api", "worker"))
    del api["FORWARDED_ALLOW_IPS"]
    assert api == worker


def test_commands_are_those_of_the_command_line(compose: dict[str, Any]) -> None:
    known = typer.main.get_command(app)
    assert hasattr(known, "commands")
    image = re.search(r'ENTRYPOINT \["garaza"\]\nCMD \["(\w+)"\]', DOCKERFILE)
    assert image is not None
    commands = [image[1], *(compose["services"][name]["command"][0] for name in ("api", "worker"))]
    assert commands == ["serve", "serve", "worker"]
    assert set(commands) <= set(known.commands)


def test_there_is_one_service(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if service.get("command") == ["serve"]] == ["api"]
    assert "scale" not in compose["services"]["api"]
    assert "deploy" not in compose["services"]["api"]


def test_ports_meet(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(compose["services"]["api"]["environment"], monkeypatch)
    assert settings.server.host == "0.0.0.0"
    assert f"server api:{settings.server.port} resolve;" in NGINX
    assert f"EXPOSE {settings.server.port}\n" in DOCKERFILE
    (published,) = compose["services"]["nginx"]["ports"]
    assert f"listen {published.rsplit(':', 1)[1]};" in NGINX
    assert published.startswith("127.0.0.1:")
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["nginx"]


def test_only_nginx_is_believed_about_addresses(compose: dict[str, Any]) -> None:
    trusted = compose["services"]["api"]["environment"]["FORWARDED_ALLOW_IPS"]
    assert [network["subnet"] for network in compose["networks"]["front"]["ipam"]["config"]] == [trusted]
    members = [name for name, service in compose["services"].items() if "front" in service.get("networks", ())]
    assert members == ["api", "nginx"]
    # Uvicorn takes a network.
    inside = str(next(ipaddress.ip_network(trusted).hosts()))
    hosts = ProxyHeadersMiddleware(lambda *_: None, trusted).trusted_hosts
    assert inside in hosts
    assert "10.213.78.1" not in hosts
    # Not added to what clients say.
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    # Docker's gateway, where the comment says it is.
    assert f"set_real_ip_from {inside};" in (DEPLOY / "nginx.conf").read_text(encoding="utf-8")


def test_nginx_takes_what_garaza_takes(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(compose["services"]["api"]["environment"], monkeypatch)
    size = re.search(r"client_max_body_size (\d+)m;", NGINX)
    assert size is not None
    # And the form around it.
    assert int(size[1]) << 20 > settings.uploads.max_bytes
    for directive in ("proxy_request_buffering off;", "proxy_buffering off;", "gzip off;"):
        assert directive in NGINX
    timeout = re.search(r"proxy_read_timeout (\d+)s;", NGINX)
    assert timeout is not None
    assert int(timeout[1]) > max(settings.timeouts.heavy_seconds, settings.live.ping_seconds)
    stall = re.search(r"client_body_timeout (\d+)s;", NGINX)
    assert stall is not None
    assert int(stall[1]) > settings.uploads.stall_seconds


def _mounted(volume: str | dict[str, Any]) -> tuple[str, str]:
    if isinstance(volume, dict):
        return volume["source"], volume["target"]
    source, target = volume.split(":")[:2]
    return source, target


def test_nginx_has_the_files_that_it_is_to_send_and_no_others(compose: dict[str, Any]) -> None:
    prefix = compose["services"]["api"]["environment"]["GARAZA_FILES__ACCEL_PREFIX"]
    root = compose["services"]["api"]["environment"]["GARAZA_DATA_DIR"]
    assert re.search(rf"location {prefix} {{\s+internal;\s+alias {root}/;", NGINX)
    data = DataDirectory(Path(root))
    mounts = [volume for volume in compose["services"]["nginx"]["volumes"] if isinstance(volume, dict)]
    assert {mount["target"] for mount in mounts} == {str(data.results), str(data.uploads)}
    for mount in mounts:
        assert mount["read_only"] is True
        assert f"{root}/{mount['volume']['subpath']}" == mount["target"]
    # They are readable to the one user alone that the service runs as.
    user = re.search(r"--uid (\d+)", DOCKERFILE)
    assert user is not None
    assert compose["services"]["nginx"]["user"] == f"{user[1]}:{user[1]}"


def test_files_that_are_named_exist_and_volumes_are_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, target = _mounted(volume)
            assert target.startswith("/")
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in compose["volumes"]
        if "build" in service:
            assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).is_file()
    # Folders of the image, made for its user, so that a new volume is its own.
    made = re.search(r"install -d -o garaza -g garaza -m 0700 (.+)\n", DOCKERFILE)
    assert made is not None
    targets = {_mounted(volume)[1] for volume in compose["services"]["api"]["volumes"]}
    assert targets == set(made[1].split())


def test_the_build_copies_what_there_is_and_what_isnt_ignored() -> None:
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", DOCKERFILE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}" in allowed
    # In the order of the file, and after the user has been made.
    assert DOCKERFILE.index("USER garaza") > DOCKERFILE.index("useradd")


def _pins(name: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")))


def test_what_is_installed_is_what_is_tested() -> None:
    base, deployed, build, tested = map(_pins, ("base.txt", "deploy.txt", "build.txt", "dev.txt"))
    assert base.items() <= deployed.items()
    assert deployed.items() <= tested.items()
    assert build.items() <= tested.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for extra in ("postgres", "celery", "redis"):
        wanted = project["project"]["optional-dependencies"][extra]
        assert {_name(requirement) for requirement in wanted} <= set(deployed)
    # Tests have packages around that others bring, so that one which the broker alone needs would not be missed there.
    transport = {_name(each) for each in metadata.requires("kombu") or () if re.search("extra == .redis.", each)}
    assert transport
    assert transport <= set(deployed)
    assert {_name(each) for each in project["build-system"]["requires"]} <= set(build)


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return found[0].lower()


def test_all_locks_are_made_by_make_lock() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {f"requirements/{path.name}" for path in (ROOT / "requirements").glob("*.txt")} <= set(
        re.findall(r"-o (requirements/\S+)", makefile)
    )
