"""The questions of the resolver protocol (nats-server 2.15), and when each of them has been answered.

| subject | who answers |
|---|---|
| `$SYS.REQ.CLAIMS.UPDATE`, `.DELETE`, `.LIST` | every full or cache resolver, in an envelope that names the server |
| `$SYS.REQ.ACCOUNT.<key>.CLAIMS.LOOKUP` | every server with a full one: the token, or nothing; who it was is not told |
| `$SYS.REQ.CLAIMS.PACK` | one full server: a message for each account, then an empty one |
"""

from collections.abc import Callable

from natscreds.envelope import MAX_TOKEN_SIZE
from natscreds.server._exchange import Message, Question, Roster, no_responders
from natscreds.server._replies import Claimed, read_claimed, read_list
from natscreds.server._reports import Answer, Server

__all__ = ["Claim", "Listing", "Lookup", "Pack"]

UPDATE = "$SYS.REQ.CLAIMS.UPDATE"
DELETE = "$SYS.REQ.CLAIMS.DELETE"
LIST = "$SYS.REQ.CLAIMS.LIST"
PACK = "$SYS.REQ.CLAIMS.PACK"


def lookup_subject(key: str) -> str:
    """Return where to ask for the account *key*."""
    return f"$SYS.REQ.ACCOUNT.{key}.CLAIMS.LOOKUP"


class Claim(Question):
    """An update or a delete: every server answers for itself.

    Attributes:
        answers: By the servers' ids.
    """

    __slots__ = ("_owed", "_roster", "_then", "answers")

    def __init__(
        self, subject: str, payload: bytes, roster: Roster, then: "Callable[[Claim], Question | None]"
    ) -> None:
        super().__init__(subject, payload)
        self._roster = roster
        self._owed = set(roster.present)
        self._then = then
        self.answers: dict[str, Claimed] = {}

    @property
    def over(self) -> bool:
        """Whether every server that is there has answered."""
        return not self._owed

    def hear(self, message: Message) -> bool:
        """Take one server's answer. The first counts, unless a later one is a refusal."""
        if no_responders(message):
            self._roster.deaf = self.subject
            return True
        claimed = read_claimed(message.data)
        known = self._roster.meet(claimed.server if claimed else None)
        if claimed is None or not known:
            return False
        if known not in self.answers or claimed.code != 200:
            self.answers[known] = claimed
        owed = known in self._owed
        self._owed.discard(known)
        return owed

    def silence(self) -> bool:
        """Wait for those no longer who are gone; ask the others once more."""
        self._owed &= self._roster.present
        if self.tries < 2:
            return True
        self._owed.clear()
        return False

    def follow(self) -> Question | None:
        """Return what its maker wants asked next."""
        return self._then(self)

    def told(self) -> tuple[Answer, ...]:
        """Return what each server said that had been found."""
        return tuple(_answer(server, self.answers.get(server.id)) for server in self._roster.servers.values())


def _answer(server: Server, claimed: Claimed | None) -> Answer:
    return Answer(server, 0, "") if claimed is None else Answer(server, claimed.code, claimed.text)


class Lookup(Question):
    """One account as each full server holds it.

    Attributes:
        key: The account.
        texts: What came: a token's text, None for an account that a server does not have.
    """

    __slots__ = ("_closed", "_roster", "_then", "_wanted", "key", "texts")

    def __init__(
        self,
        key: str,
        roster: Roster,
        *,
        wanted: int | None = None,
        then: "Callable[[Lookup], None] | None" = None,
    ) -> None:
        """Ask for *key*; *wanted* answers are waited for, or as many as seem likely."""
        super().__init__(lookup_subject(key))
        self.key = key
        self.texts: list[str | None] = []
        self._roster = roster
        self._wanted = wanted
        self._then = then
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether as many have answered as will."""
        wanted = self._roster.holders if self._wanted is None else self._wanted
        return self._closed or len(self.texts) >= wanted

    def hear(self, message: Message) -> bool:
        """Take one server's token."""
        if no_responders(message):
            self._closed = True
        elif not message.data:
            self.texts.append(None)
        elif len(message.data) > MAX_TOKEN_SIZE or not message.data.isascii():
            self._roster.garbled += 1
            self.texts.append("")
        else:
            self.texts.append(message.data.decode("ascii"))
        return True

    def silence(self) -> bool:
        """Take what came for all there is; ask once more if nothing did."""
        if not self.texts and self.tries < 2:
            return True
        self._closed = True
        if self._wanted is None and self.texts:
            self._roster.holders = min(self._roster.holders, len(self.texts))
        return False

    def follow(self) -> None:
        """Hand the answers on."""
        if self._then is not None:
            self._then(self)


class Listing(Question):
    """What each server has.

    Attributes:
        names: By the servers' ids; most are accounts' keys.
    """

    __slots__ = ("_owed", "_roster", "names")

    def __init__(self, roster: Roster) -> None:
        super().__init__(LIST)
        self._roster = roster
        self._owed = set(roster.present)
        self.names: dict[str, list[str]] = {}

    @property
    def over(self) -> bool:
        """Whether every server has answered, or none will."""
        return not self._owed

    def hear(self, message: Message) -> bool:
        """Take one server's list."""
        if no_responders(message):
            self._roster.deaf = self.subject
            return True
        read = read_list(message.data)
        known = self._roster.meet(read[0] if read else None)
        if read is None or not known:
            return False
        self.names.setdefault(known, read[1])
        owed = known in self._owed
        self._owed.discard(known)
        return owed

    def silence(self) -> bool:
        """Ask once more if nobody answered; servers without a resolver of their own never do."""
        self._owed &= self._roster.present
        if not self.names and self.tries < 2:
            return True
        self._owed.clear()
        return False


class Pack(Question):
    """Everything that one full server has.

    Attributes:
        tokens: Texts by the names they are stored under.
        ended: Whether the end was seen.
    """

    __slots__ = ("_closed", "_roster", "ended", "tokens")

    def __init__(self, roster: Roster) -> None:
        super().__init__(PACK)
        self._roster = roster
        self._closed = False
        self.tokens: dict[str, str] = {}
        self.ended = False

    @property
    def over(self) -> bool:
        """Whether the end has come."""
        return self.ended or self._closed

    def hear(self, message: Message) -> bool:
        """Take one account, or the empty message at the end; one with a status is no end."""
        if no_responders(message):
            self._roster.deaf = self.subject
            return True
        if not message.data:
            self.ended = True
            return True
        name, bar, text = message.data.partition(b"|")
        if not bar or len(text) > MAX_TOKEN_SIZE or len(name) > 255 or not message.data.isascii():
            self._roster.garbled += 1
            return False
        self.tokens[name.decode("ascii")] = text.decode("ascii")
        return True

    def silence(self) -> bool:
        """Ask once more if nothing came; a pack that breaks off has no end."""
        if not self.tokens and self.tries < 2:
            return True
        self._closed = True
        return False
