"""Programs that sign their requests: which there are, and whether a request is from one of them.

A signature is good for one request: whatever it covers can't be changed, it holds for minutes, and its nonce is
remembered for as long. The id of a key is part of what is signed, and ids are made here at random; so a request to
another server that knows the same public key is none to this one.
"""

from __future__ import annotations

from dataclasses import dataclass

from garaza.errors import GarazaError
from garaza.kit.clock import Clock, system_clock
from garaza.kit.database import Database, ReadSession, WriteSession
from garaza.kit.ids import is_id, new_id
from garaza.kit.signing.incoming import Incoming, Policy, SignatureRefused, verify
from garaza.kit.signing.keys import VerifyingKey, public_pem, read_public_key
from garaza.machines.models import MachineKey
from garaza.machines.repository import MachineRepository
from garaza.machines.scopes import Scope

MAX_NAME = 100
MAX_BODY_BYTES = 1 << 18
"""Of a signed request: what machines send is a few lines of JSON."""
MAX_AGE_SECONDS = 300
_CLOCKS_APART_SECONDS = 3600
"""By how much the clocks of two servers on one database may differ, or one may be set back, without a nonce being
forgotten too soon."""

_POLICY = Policy(max_age_seconds=MAX_AGE_SECONDS, max_body_bytes=MAX_BODY_BYTES)
_WANTED = (
    'garaza=("@method" "@authority" "@path" "@query" "content-digest");created;expires;nonce;keyid="ID";alg="ed25519"'
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Who signed a request."""

    id: str
    name: str
    scope: Scope

    @property
    def may_administrate(self) -> bool:
        """Whether admin calls are open to it."""
        return self.scope is Scope.ADMIN

    @property
    def may_change_plans(self) -> bool:
        """Whether it may give an account another plan."""
        return self.scope in {Scope.BILLING, Scope.ADMIN}


class MachineService:
    """See the module. Callers own the transactions, but for those of `authenticate`."""

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self._database = database
        self._clock = clock
        self._machines = MachineRepository()

    # What operators do -------------------------------------------------------------------------------------------

    async def add(self, session: WriteSession, name: str, scope: Scope, public_key: str) -> MachineKey:
        """Let a program sign requests.

        Args:
            name: for people; several keys of one program may share it.
            public_key: as `read_public_key` takes it.

        Raises:
            BadKeyError: it is no key that can be used.
            GarazaError: 422, the name is empty, too long or holds what can't be seen.
        """
        key = read_public_key(public_key)
        name = name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise GarazaError(422, "bad_name", f"A name has 1 to {MAX_NAME} characters that can be seen.")
        row = MachineKey(
            id=new_id(),
            name=name,
            scope=scope.value,
            public_key=public_pem(key),
            created_at=self._clock(),
            revoked_at=None,
        )
        await self._machines.add(session, row)
        return row

    async def keys(self, session: ReadSession) -> list[MachineKey]:
        """All there ever were, oldest first."""
        return list(await self._machines.all(session))

    async def revoke(self, session: WriteSession, key_id: str) -> MachineKey | None:
        """Refuse whatever is signed with the key from now on; None where there is none. Twice is once."""
        return await self._machines.revoke(session, key_id, self._clock()) if is_id(key_id) else None

    async def forget_nonces(self, session: WriteSession) -> int:
        """Forget those that are too old to be taken again anyway; how many there were."""
        return await self._machines.forget_nonces(session, self._clock() - _CLOCKS_APART_SECONDS)

    # What requests do --------------------------------------------------------------------------------------------

    async def authenticate(self, request: Incoming) -> Machine:
        """Whose request this is. Good for one call: the second one with the same request finds it used.

        Raises:
            GarazaError: 401, its signature isn't good, was seen before, or is by a key that was revoked.
        """
        row: MachineKey | None = None

        async def find_key(key_id: str) -> VerifyingKey | None:
            nonlocal row
            if not is_id(key_id):
                return None
            async with self._database.read() as session:
                row = await self._machines.get(session, key_id)
            return read_public_key(row.public_key) if row is not None else None

        try:
            signed = await verify(request, find_key, _POLICY, now=self._clock())
        except SignatureRefused as error:
            raise refused(error.reason.value, str(error)) from None
        assert row is not None, "nothing is verified without a key"
        # Told only to who has the private key.
        if row.revoked_at is not None:
            raise refused("revoked_key", "The key was revoked. Ask whoever runs this server for a new one.")
        # A transaction of its own, and not before the signature is known to be good: nobody else can fill the table.
        async with self._database.write() as session:
            first = await self._machines.use_nonce(session, row.id, signed.nonce, signed.expires)
        if not first:
            detail = "This request was seen before. Sign each one anew, with a nonce that was never used."
            raise refused("replayed", detail)
        return Machine(row.id, row.name, Scope(row.scope))


def refused(reason: str, sentence: str) -> GarazaError:
    """Why a request isn't taken for a machine's: `reason` for programs, `sentence` for people."""
    # Accept-Signature (RFC 9421, section 5) says what would be taken. The other one every 401 has to have.
    headers = {"Accept-Signature": _WANTED, "WWW-Authenticate": "Bearer"}
    return GarazaError(401, "signature_refused", sentence, headers, reason=reason)
