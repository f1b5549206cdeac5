"""Write tokens.json: operator, account and user tokens, sound ones and each fault that must be refused, one a vector.

Run as `python tests/vectors/make_tokens.py`. It uses nothing of natscreds: JSON is written here as text, base64 and the
checksum are the standard library's, keys and signatures come from `cryptography`. Every seed is the SHA-256 of a label,
so each run writes the same bytes, and each key is a throw-away. A vector's fault is put in before signing, so that the
signature holds, unless the fault is in the signing.

A vector holds `name` (what is wrong with it), `reads` (the kind it is read as), `token`, `parse` and `verify` ("ok" or
the name of the error class) and `rule`, the words of the message that name the broken rule. Sound tokens may hold
`written`: the claims as they are written again.
"""

import json
from base64 import b32encode, urlsafe_b64encode
from binascii import crc_hqx
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = {"operator": 14, "account": 0, "user": 20, "server": 13, "curve": 23}
HEADER = '{"typ":"JWT","alg":"ed25519-nkey"}'
IDENTITY = b"\1" + bytes(31)
"""The neutral point: whatever "signs" with it holds, to a verifier that does not refuse it."""
ORDER = 2**252 + 27742317777372353535851937790883648493
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def nkey(kind: str, raw: bytes) -> str:
    data = bytes([PREFIX[kind] << 3]) + raw
    return b32encode(data + crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


class Key:
    def __init__(self, kind: str, label: str = "") -> None:
        seed = sha256(f"natscreds-token-{label or kind}".encode()).digest()
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = nkey(kind, self.private.public_key().public_bytes_raw())
        data = bytes([18 << 3 | PREFIX[kind] >> 2, (PREFIX[kind] & 3) << 6]) + seed
        self.seed = b32encode(data + crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


OPERATOR, ACCOUNT, USER = Key("operator"), Key("account"), Key("user")
SIGNERS = {"operator": OPERATOR, "account": OPERATOR, "user": ACCOUNT}
SUBJECTS = {"operator": OPERATOR, "account": ACCOUNT, "user": USER}
PLAIN = {
    "operator": "",
    "account": '"limits":{},"default_permissions":{"pub":{},"sub":{}},"authorization":{},',
    "user": '"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,',
}
"""What stands in `nats` before type and version when nothing is said."""


def chunk(data: bytes | str) -> str:
    return urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def claims(kind: str, nats: str | None = None, *, top: str = "", iss: str | None = None, sub: str | None = None) -> str:
    """Return claims as JSON text; *top* stands before `nats`, each member with its comma."""
    issuer = SIGNERS[kind].public if iss is None else iss
    subject = SUBJECTS[kind].public if sub is None else sub
    body = PLAIN[kind] if nats is None else nats
    standard = f'"iat":1700000000,"iss":"{issuer}","sub":"{subject}",{top}'
    return f'{{{standard}"nats":{{{body}"type":"{kind}","version":2}}}}'


def seal(kind: str, payload: str | bytes, header: str | bytes = HEADER, key: Key | None = None) -> str:
    signed = f"{chunk(header)}.{chunk(payload)}"
    return f"{signed}.{chunk((key or SIGNERS[kind]).private.sign(signed.encode()))}"


OBJECTS = {
    "$ of an operator": ("operator", "top", '"exp":4102444800'),
    "$ of an account": ("account", "top", '"nbf":1600000000'),
    "$ of a user": ("user", "top", '"name":"svc"'),
    "$.nats of an operator": ("operator", "%s,", '"system_account":"A"'),
    "$.nats of an account": ("account", "%s,", '"description":"d"'),
    "$.nats of a user": ("user", "%s,", '"tags":["a"]'),
    "$.nats.pub": ("user", '"pub":{%s},', '"allow":["a"]'),
    "$.nats.resp": ("user", '"resp":{%s},', '"max":1'),
    "$.nats.times[0]": ("user", '"times":[{%s}],', '"start":"01:02:03"'),
    "$.nats.limits": ("account", '"limits":{%s},', '"disk_storage":5'),
    "$.nats.limits.tiered_limits[…]": ("account", '"limits":{"tiered_limits":{"R1":{%s}}},', '"max_ack_pending":5'),
    "$.nats.default_permissions": ("account", '"default_permissions":{%s},', '"sub":{}'),
    "$.nats.default_permissions.sub": ("account", '"default_permissions":{"sub":{%s}},', '"deny":["a"]'),
    "$.nats.authorization": ("account", '"authorization":{%s},', '"xkey":"X"'),
    "$.nats.trace": ("account", '"trace":{%s},', '"sampling":5'),
    "$.nats.exports[0]": ("account", '"exports":[{%s,"type":"stream"}],', '"token_req":true'),
    "$.nats.exports[0].service_latency": (
        "account",
        '"exports":[{"type":"service","service_latency":{%s}}],',
        '"results":"r"',
    ),
    "$.nats.imports[0]": ("account", '"imports":[{%s,"type":"stream"}],', '"local_subject":"l"'),
    "$.nats.mappings[…][0]": ("account", '"mappings":{"a":[{%s}]},', '"subject":"s"'),
    "$.nats.signing_keys[0]": ("account", '"signing_keys":[{"kind":"user_scope",%s}],', '"key":"A"'),
    "$.nats.signing_keys[0].template": (
        "account",
        '"signing_keys":[{"kind":"user_scope","template":{%s}}],',
        '"subs":5',
    ),
}
"""An object of each sort that claims hold: its kind, the text around its members, and a member it knows."""


def inside(place: str, members: str) -> str:
    """Return claims with *members* in the object at *place*."""
    kind, around, _ = OBJECTS[place]
    return claims(kind, top=f"{members},") if around == "top" else claims(kind, around % members)


class Vectors:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def ok(self, name: str, kind: str, payload: str, *, written: str | None = None, header: str = HEADER) -> None:
        row = {"name": name, "reads": kind, "token": seal(kind, payload, header), "parse": "ok", "verify": "ok"}
        self.rows.append(row | ({} if written is None else {"written": written}))

    def refuse(self, name: str, kind: str, token: str, rule: str, **outcome: str) -> None:
        parse = outcome.get("parse", "TokenError")
        row = {"name": name, "reads": kind, "token": token, "parse": parse, "verify": outcome.get("verify", parse)}
        self.rows.append(row | {"rule": rule})

    def payload(self, name: str, payload: str | bytes, rule: str, kind: str = "user") -> None:
        self.refuse(name, kind, seal(kind, payload), rule)


def sound(out: Vectors) -> None:
    for kind in PLAIN:
        payload = claims(kind)
        out.ok(f"{kind} that says nothing", kind, payload, written=payload)
    for name, header in {
        "of version 1": '{"typ":"jwt","alg":"ed25519"}',
        "of older writers": '{"typ":"jwt","alg":"ed25519-nkey"}',
        "in upper case": '{"typ":"JWT","alg":"ED25519-NKEY"}',
        "with another member": '{"typ":"JWT","kid":"x","alg":"ed25519-nkey"}',
        "with blanks": ' { "alg" : "ed25519-nkey" , "typ" : "JWT" } ',
    }.items():
        out.ok(f"header {name}", "user", claims("user"), header=header)
    plain = claims("user")
    out.ok(
        "payload with blanks", "user", "\n " + plain.replace(":", " : ").replace(",", " ,\t") + "\r\n", written=plain
    )
    other = '{"nats":{"version":2,"type":"user","data":-1,"sub":{},"payload":-1,"subs":-1,"pub":{}},'
    other += f'"sub":"{USER.public}","iss":"{ACCOUNT.public}","iat":1700000000}}'
    out.ok("members in another order", "user", other, written=plain)
    out.ok("the reference's jti is not asked for", "user", claims("user", top='"jti":"x",'))
    out.ok("spelt with escapes", "user", claims("user", top=r'"name":"\u003c\u0041\/é\ud83d\ude00",'))
    null = ",".join(f'"{name}":null' for name in ("aud", "exp", "jti", "name", "nbf"))
    for kind, members in {
        "operator": "signing_keys account_server_url operator_service_urls system_account assert_server_version"
        " strict_signing_key_usage tags",
        "account": "imports exports limits signing_keys revocations default_permissions mappings authorization trace"
        " cluster_traffic description info_url tags",
        "user": "pub sub resp src times times_location bearer_token proxy_required allowed_connection_types"
        " issuer_account tags",
    }.items():
        said = "".join(f'"{name}":null,' for name in members.split())
        limits = '"subs":-1,"data":-1,"payload":-1,' if kind == "user" else ""
        out.ok(f"null for all of an {kind}" if kind != "user" else "null for all of a user", kind,
               claims(kind, said + limits, top=null + ","), written=claims(kind))  # fmt: skip
    zero = claims("user", '"pub":{},"sub":{},')
    out.ok("minus zero", "user", claims("user", '"subs":-0,'), written=zero)
    extremes = '"pub":{},"sub":{},"subs":9223372036854775807,"data":-9223372036854775808,'
    out.ok("numbers of 64 bits", "user", claims("user", extremes), written=claims("user", extremes))
    networks = '"src":" 10.0.0.0/8,10.0.0.0/8 ,, FE80::/10",'
    out.ok("src as one text", "user", claims("user", networks),
           written=claims("user", '"pub":{},"sub":{},"src":["10.0.0.0/8","fe80::/10"],'))  # fmt: skip
    empty = '"pub":{"allow":[]},"sub":{},"src":[],'
    out.ok("empty lists stay", "user", claims("user", empty), written=claims("user", empty))
    rest = '"limits":{},"default_permissions":{"pub":{},"sub":{}},"authorization":{},'
    for name, said, written in (
        ("headers in capitals", '"HEADERS"', '"headers"'),
        ("null", "null", '"headers"'),
        ("a percentage", "25", "25"),
    ):
        export = '"exports":[{{"subject":"s","type":"service","service_latency":{{"sampling":{},"results":"r"}}}}],'
        out.ok(f"latency sampling: {name}", "account", claims("account", export.format(said) + rest),
               written=claims("account", export.format(written) + rest))  # fmt: skip
    weight = PLAIN["account"].replace(
        '"authorization"', '"mappings":{"a":[{"subject":"b","weight":255}]},"authorization"'
    )
    out.ok("weight of 8 bits", "account", claims("account", weight), written=claims("account", weight))
    for name, nested in {"lists": "[" * 62 + "]" * 62, "objects": '{"a":' * 62 + "1" + "}" * 62}.items():
        deep = claims("user", PLAIN["user"]).replace('"type"', f'"new":{nested},"type"')
        out.ok(f"64 {name} deep", "user", deep)
    out.ok("brackets in text are not depth", "user", claims("user", top=f'"name":"{"[{" * 100}",'))
    for place, (kind, _, _) in OBJECTS.items():
        out.ok(f"a new member at {place}", kind, inside(place, '"news":{"a":[1.50,null]}'))


def text(out: Vectors) -> None:
    """The three chunks, misspelt."""
    token = seal("user", claims("user", top='"name":"svc",'))
    head, body, tail = token.split(".")
    out.refuse("empty", "user", "", "3 chunks")
    out.refuse("2 chunks", "user", f"{head}.{body}", "3 chunks")
    out.refuse("4 chunks", "user", f"{token}.{tail}", "3 chunks")
    out.refuse("a dot behind it", "user", f"{token}.", "3 chunks")
    out.refuse("no header", "user", f".{body}.{tail}", "is not JSON")
    out.refuse("no payload", "user", f"{head}..{tail}", "is not JSON")
    out.refuse("no signature", "user", f"{head}.{body}.", "64 bytes")
    for at, name in enumerate(("header", "payload", "signature")):
        for fault, spelt in misspelt([head, body, tail][at]):
            parts = [head, body, tail]
            parts[at] = spelt
            out.refuse(f"{name}: {fault}", "user", ".".join(parts), f"the {name} is not")
    raw = Key("account").private.sign(f"{head}.{body}".encode())
    for size in (0, 63, 65, 128):
        out.refuse(f"signature of {size} bytes", "user", f"{head}.{body}.{chunk((raw * 2)[:size])}", "64 bytes")


def misspelt(sound: str) -> Iterator[tuple[str, str]]:
    middle = len(sound) // 2
    yield "newline behind it", sound + "\n"
    yield "newline inside", sound[:middle] + "\n" + sound[middle:]
    yield "carriage return inside", sound[:middle] + "\r\n" + sound[middle:]
    yield "blank before it", " " + sound
    yield "padding", sound + "=" * (-len(sound) % 4 or 4)
    yield "padding for the last character", sound[:-1] + "="
    yield "plus sign", sound[:middle] + "+" + sound[middle + 1 :]
    yield "slash", sound[:middle] + "/" + sound[middle + 1 :]
    yield "a character beyond ascii", sound[:middle] + "é" + sound[middle + 1 :]
    yield "a length that holds no whole byte", sound + "A" * ((1 - len(sound)) % 4)
    if len(sound) % 4:
        yield "spare bits", sound[:-1] + ALPHABET[ALPHABET.index(sound[-1]) + 1]


def headers(out: Vectors) -> None:
    for name, header, rule in (
        ("alg none", '{"typ":"JWT","alg":"none"}', "alg is"),
        ("alg HS256", '{"typ":"JWT","alg":"HS256"}', "alg is"),
        ("alg EdDSA", '{"typ":"JWT","alg":"EdDSA"}', "alg is"),
        ("alg empty", '{"typ":"JWT","alg":""}', "alg is"),
        ("alg null", '{"typ":"JWT","alg":null}', "alg is"),
        ("alg a list", '{"typ":"JWT","alg":["ed25519-nkey"]}', "alg is"),
        ("alg with a blank", '{"typ":"JWT","alg":"ed25519-nkey "}', "alg is"),
        ("no alg", '{"typ":"JWT"}', "member 'alg'"),
        ("ALG in capitals", '{"typ":"JWT","ALG":"ed25519-nkey"}', "member 'alg'"),
        ("ALG beside alg", '{"typ":"JWT","alg":"ed25519-nkey","ALG":"none"}', "member 'alg'"),
        ("alg twice", '{"typ":"JWT","alg":"none","alg":"ed25519-nkey"}', "stands twice"),
        ("typ JOSE", '{"typ":"JOSE","alg":"ed25519-nkey"}', "typ is JWT"),
        ("typ a number", '{"typ":1,"alg":"ed25519-nkey"}', "typ is JWT"),
        ("no typ", '{"alg":"ed25519-nkey"}', "member 'typ'"),
        ("TYP beside typ", '{"typ":"JWT","TYP":"JWT","alg":"ed25519-nkey"}', "member 'typ'"),
        ("typ twice", '{"typ":"JWT","alg":"ed25519-nkey","typ":"JWT"}', "stands twice"),
        ("another member twice", '{"typ":"JWT","alg":"ed25519-nkey","x":1,"x":1}', "stands twice"),
        ("a member twice inside", '{"typ":"JWT","alg":"ed25519-nkey","x":{"a":1,"a":2}}', "stands twice"),
        ("a list", '["typ","alg"]', "JSON object"),
        ("a text", '"JWT"', "JSON object"),
        ("not JSON", "{typ:JWT}", "not JSON"),
        ("not a number", '{"typ":"JWT","alg":"ed25519-nkey","x":NaN}', "not JSON"),
        ("trailing data", HEADER + "{}", "not JSON"),
        ("byte order mark", "\ufeff" + HEADER, "not JSON"),
        ("not UTF-8", b'{"typ":"JWT","alg":"ed25519-nkey","x":"\xff"}', "not JSON"),
        ("lone surrogate", r'{"typ":"JWT","alg":"ed25519-nkey","x":"\ud800"}', "not JSON"),
    ):
        out.refuse(f"header: {name}", "user", seal("user", claims("user"), header), rule)


def documents(out: Vectors) -> None:
    """The payload as JSON."""
    plain = claims("user")
    for name, payload in (
        ("a blank", " "),
        ("no JSON", "{iat:1}"),
        ("cut by one", plain[:-1]),
        ("byte order mark", "\ufeff" + plain),
        ("trailing brace", plain + "}"),
        ("trailing object", plain + "{}"),
        ("trailing letter", plain + " x"),
        ("trailing comma", plain[:-1] + ",}"),
        ("single quotes", plain.replace('"', "'")),
        ("a comment", plain[:-1] + "/**/}"),
        ("not a number", claims("user", top='"new":NaN,')),
        ("infinity", claims("user", top='"new":-Infinity,')),
        ("a number with a leading zero", claims("user", '"subs":05,')),
        ("a number with a plus sign", claims("user", '"subs":+5,')),
        ("a control character in text", claims("user", top='"name":"a\x01",')),
        ("a newline in text", claims("user", top='"name":"a\n",')),
        ("a bad escape", claims("user", top=r'"name":"\x41",')),
    ):
        out.payload(f"document: {name}", payload, "not JSON")
    for name, payload in (("a list", f"[{plain}]"), ("a text", '"user"'), ("a number", "2"), ("null", "null")):
        out.payload(f"document: {name}", payload, "expected")
    for name, where in (
        ("the name", claims("user", top='"name":"\udcff",')),
        ("an unknown member", claims("user", top='"new":"\udcff",')),
        ("an unknown member's name", claims("user", top='"new\udcff":1,')),
    ):
        out.payload(f"not UTF-8 in {name}", where.encode("utf-8", "surrogateescape"), "not")
    for name, said in (
        ("a known member", r'"name":"\ud800",'),
        ("a known member, second half first", r'"name":"\udc00\ud800",'),
        ("a new member", r'"new":"\ud800",'),
        ("a new member, deep inside", r'"new":[{"a":"\udbff"}],'),
        ("a new member's name", r'"new\ud800":1,'),
    ):
        out.payload(f"lone surrogate in {name}", claims("user", top=said), "")
    out.payload("lone surrogate in a map's key", claims("account", r'"revocations":{"\ud800":1},'), "", "account")
    for name, nested in {
        "lists": "[" * 63 + "]" * 63,
        "objects": '{"a":' * 63 + "1" + "}" * 63,
        "objects and lists": '[{"a":' * 31 + "[1]" + "}]" * 31,
    }.items():
        out.payload(f"65 {name} deep", claims("user", f'"new":{nested},'), "64 deep")


def ambiguous(out: Vectors) -> None:
    """Members that two readers take for two things, in each object that claims hold."""
    for place, (kind, _, member) in OBJECTS.items():

        def refuse(fault: str, members: str, rule: str, place: str = place, kind: str = kind) -> None:
            out.payload(f"{place}: {fault}", inside(place, members), rule, kind)

        name, _, value = member.partition(":")
        name = name.strip('"')
        for spelling in spellings(name):
            refuse(ascii(spelling), f'"{spelling}":{value}', f"reads as {name!r}")
        refuse(f"both {name} and {name.upper()}", f'{member},"{name.upper()}":{value}', f"reads as {name!r}")
        refuse(f"{name} twice", f"{member},{member}", "stands twice")
        refuse("a new member twice", f'{member},"new":1,"new":1', "stands twice")
        refuse("a hidden name", '"natscreds:unknown":{"a":1}', "kept for this library")
    for name, said in (
        ("spelt with an escape", r'"name":"a","\u006eame":"b",'),
        ("inside a new member", '"new":{"a":1,"a":1},'),
        ("deep inside a new member", '"new":[{"b":[{"a":1,"a":1}]}],'),
    ):
        out.payload(f"twice: {name}", claims("user", top=said), "stands twice")
    for name, nats in (
        ("a revoked key", '"revocations":{"U":1,"U":2},'),
        ("a tier", '"limits":{"tiered_limits":{"R1":{},"R1":{}}},'),
        ("a mapped subject", '"mappings":{"a":[],"a":[]},'),
    ):
        out.payload(f"twice: {name}", claims("account", nats), "stands twice", "account")
    out.payload("twice: nats", claims("user", top='"nats":{"type":"user"},'), "stands twice")
    out.payload("NATS beside nats", claims("user", top='"NATS":{"bearer_token":true},'), "reads as 'nats'")
    out.payload("Nats for nats", claims("user").replace('"nats"', '"Nats"'), "")
    out.payload("Type at the top", claims("user", top='"Type":"user",'), "reads as 'type'")
    # U+017F folds to s and U+212A to k, in any of their places.
    out.payload("bearer_token with a Kelvin sign", claims("user", '"bearer_to\u212aen":true,'), "reads as")
    kelvin = '"signing_keys":[{"kind":"user_scope","\u212aind":"x"}],'
    out.payload("kind with a Kelvin sign", claims("account", kelvin), "reads as", "account")
    out.payload("Kind for kind", claims("account", '"signing_keys":[{"Kind":"user_scope"}],'), "reads as", "account")


def spellings(name: str) -> Iterator[str]:
    yield name.capitalize()
    if "s" in name:
        yield name.replace("s", "\u017f", 1)
    if "k" in name:
        yield name.replace("k", "\u212a", 1)


def types(out: Vectors) -> None:
    """Members of another type than a server reads."""
    numbers = {
        "with a fraction": "5.0",
        "with an exponent": "5e0",
        "as text": '"5"',
        "as true": "true",
        "as a list": "[5]",
        "above 63 bits": "9223372036854775808",
        "below 63 bits": "-9223372036854775809",
        "above 64 bits": "18446744073709551616",
        "far above": "1" + "0" * 40,
    }
    for name, number in numbers.items():
        out.payload(f"exp {name}", claims("user", top=f'"exp":{number},'), "at $.exp")
        out.payload(f"subs {name}", claims("user", f'"subs":{number},'), "at $.nats.subs")
        out.payload(f"revocation {name}", claims("account", f'"revocations":{{"*":{number}}},'), "$.nats.revocations",
                    "account")  # fmt: skip
    scope = '"signing_keys":[{{"kind":"user_scope","template":{{"subs":{}}}}}],'
    export = '"exports":[{{"type":"service",{}}}],'
    mapping = '"mappings":{{"a":[{{"weight":{}}}]}},'
    for name, nats, rule in (
        ("template limit above 63 bits", scope.format("9223372036854775808"), "template.subs"),
        ("weight above 8 bits", mapping.format("256"), "weight"),
        ("weight below zero", mapping.format("-1"), "weight"),
        ("weight with a fraction", mapping.format("1.0"), "weight"),
        ("position below zero", export.format('"account_token_position":-1'), "account_token_position"),
        ("position with a fraction", export.format('"account_token_position":1.5'), "account_token_position"),
        ("threshold as text", export.format('"response_threshold":"1s"'), "response_threshold"),
        ("sampling as other text", export.format('"service_latency":{"sampling":"50"}'), "sampling"),
        ("sampling with a fraction", export.format('"service_latency":{"sampling":5.0}'), "sampling"),
        ("latency as a number", export.format('"service_latency":5'), "service_latency"),
        ("exports as an object", '"exports":{},', "exports"),
        ("an export that is null", '"exports":[null],', "exports[0]"),
        ("an export that is text", '"exports":["a"],', "exports[0]"),
        ("an import that is null", '"imports":[null],', "imports[0]"),
        ("signing keys as an object", '"signing_keys":{},', "signing_keys"),
        ("a signing key that is a number", '"signing_keys":[1],', "signing_keys[0]"),
        ("a signing key that is null", '"signing_keys":[null],', "signing_keys[0]"),
        ("a signing key that is a list", '"signing_keys":[[]],', "signing_keys[0]"),
        ("a role without kind", '"signing_keys":[{"key":"A"}],', "expected kind"),
        ("a role of another kind", '"signing_keys":[{"kind":"role"}],', "expected kind"),
        ("a role whose kind is null", '"signing_keys":[{"kind":null}],', "expected kind"),
        ("revocations as a list", '"revocations":[],', "revocations"),
        ("a revocation that is null", '"revocations":{"*":null},', "revocations"),
        ("limits as a list", '"limits":[],', "limits"),
        ("a tier that is null", '"limits":{"tiered_limits":{"R1":null}},', "tiered_limits"),
        ("a mapping that is no list", '"mappings":{"a":{}},', "mappings"),
        ("wildcards as a number", '"limits":{"wildcards":1},', "wildcards"),
        ("trace as text", '"trace":"t",', "trace"),
        ("description as a number", '"description":1,', "description"),
    ):
        out.payload(name, claims("account", nats), rule, "account")
    # As the reference would write it, so that no second look at the spelling is needed.
    position = '"exports":[{"type":"service","account_token_position":18446744073709551616}],' + PLAIN["account"]
    out.payload("position above 64 bits", claims("account", position), "account_token_position", "account")
    for where in ("exports", "imports"):
        for name, said in {"null": "null", "empty": '""', "Stream": '"Stream"', "a number": "1"}.items():
            rule = "null does not stand" if said == "null" else "type"
            out.payload(f"{where} of type {name}", claims("account", f'"{where}":[{{"type":{said}}}],'), rule,
                        "account")  # fmt: skip
    for name, nats, rule in (
        ("pub as a list", '"pub":[],', "$.nats.pub"),
        ("allow as text", '"pub":{"allow":"a"},', "$.nats.pub.allow"),
        ("allow with a number in it", '"pub":{"allow":["a",1]},', "$.nats.pub.allow"),
        ("allow with null in it", '"pub":{"allow":["a",null]},', "$.nats.pub.allow"),
        ("resp as true", '"resp":true,', "$.nats.resp"),
        ("bearer_token as text", '"bearer_token":"true",', "$.nats.bearer_token"),
        ("src as a number", '"src":10,', "$.nats.src"),
        ("times as text", '"times":"01:02:03",', "$.nats.times"),
        ("times as an object", '"times":{},', "$.nats.times"),
        ("tags as an object", '"tags":{},', "$.nats.tags"),
    ):
        out.payload(name, claims("user", nats), rule)
    out.payload("strict as text", claims("operator", '"strict_signing_key_usage":"yes",'), "strict", "operator")
    out.payload("name as a number", claims("user", top='"name":1,'), "$.name")
    out.payload("nats as a list", claims("user").partition('"nats"')[0] + '"nats":[]}', "$.nats")
    out.payload("nats as null", claims("user").partition('"nats"')[0] + '"nats":null}', "")
    out.payload("no nats", claims("user").partition(',"nats"')[0] + "}", "")


def kinds(out: Vectors) -> None:
    for version in ("0", "3", "-1", "99"):
        payload = claims("user").replace('"version":2', f'"version":{version}')
        out.payload(f"version {version}", payload, "version")
    out.payload("no version", claims("user").replace(',"version":2', ""), "version")
    for version in ('"2"', "2.0", "true"):
        out.payload(f"version {version}", claims("user").replace('"version":2', f'"version":{version}'), "version")
    for name, kind in {"another kind": "account", "an unknown kind": "admin", "a capital": "User", "none": ""}.items():
        payload = claims("user").replace('"type":"user"', f'"type":"{kind}"')
        out.payload(f"type says {name}", payload, "expected user claims")
    out.payload("type a number", claims("user").replace('"type":"user"', '"type":1'), "type")
    for reads, kind in (("user", "account"), ("user", "operator"), ("account", "user"), ("operator", "account")):
        out.refuse(f"claims of {kind} read as {reads}", reads, seal(kind, claims(kind)), f"expected {reads} claims")


def keys(out: Vectors) -> None:
    """Sound claims that the wrong key signed, or that are about one."""
    wrong = {"parse": "ok", "verify": "WrongKeyTypeError"}
    no_key = {"parse": "ok", "verify": "TokenError"}
    for kind, signer in (("operator", "account"), ("operator", "user"), ("account", "user"), ("user", "operator"),
                         ("user", "user"), ("user", "server")):  # fmt: skip
        key = Key(signer)
        out.refuse(f"{kind} signed by {signer}", kind, seal(kind, claims(kind, iss=key.public), key=key),
                   "signed by a key of type", **wrong)  # fmt: skip
    out.refuse("issuer is a curve key", "user", seal("user", claims("user", iss=nkey("curve", bytes(range(32))))),
               "signed by a key of type", **wrong)  # fmt: skip
    for kind, other in (("operator", ACCOUNT), ("account", OPERATOR), ("account", USER), ("user", ACCOUNT)):
        payload = claims(kind, sub=other.public)
        out.refuse(f"{kind} about {other.public[0]}", kind, seal(kind, payload), "are about a key of type", **wrong)
    for member, kind in (("iss", "account"), ("sub", "user")):
        sound = (ACCOUNT if member == "iss" else USER).public
        for name, text_ in {
            "empty": "",
            "no key": "acme",
            "a seed": (ACCOUNT if member == "iss" else USER).seed,
            "in lower case": sound.lower(),
            "cut by one": sound[:-1],
            "with a newline": sound + "\\n",
            "with a changed letter": sound[:20] + ("A" if sound[20] != "A" else "B") + sound[21:],
            "of 31 bytes": nkey(kind, bytes(31)),
        }.items():
            payload = claims("user", iss=text_) if member == "iss" else claims("user", sub=text_)
            out.refuse(f"{member} {name}", "user", seal("user", payload), f"{member} is not a key", **no_key)
    for member in ("iss", "sub"):
        payload = claims("user").replace(f'"{member}":', f'"not_{member}":', 1)
        out.refuse(f"no {member}", "user", seal("user", payload), f"{member} is not a key", **no_key)
    # R and s of zero "sign" anything under the neutral point.
    small = seal("user", claims("user", iss=nkey("account", IDENTITY)))
    out.refuse("issuer is the neutral point", "user", small.rpartition(".")[0] + "." + chunk(IDENTITY + bytes(32)),
               "small order", **no_key)  # fmt: skip
    small = seal("user", claims("user", sub=nkey("user", IDENTITY)))
    out.refuse("subject is the neutral point", "user", small, "small order", **no_key)
    small = seal("user", claims("user", iss=nkey("account", bytes(32))))
    out.refuse("issuer is a point of order 4", "user", small, "small order", **no_key)


def signatures(out: Vectors) -> None:
    payload = claims("user", top='"name":"svc",')
    token = seal("user", payload)
    head, body, tail = token.split(".")
    broken = {"parse": "ok", "verify": "BadSignatureError"}

    def refuse(name: str, *parts: str) -> None:
        out.refuse(name, "user", ".".join(parts), "the signature does not hold", **broken)

    for at in (0, 31, 32, 62):
        changed = bytearray(ACCOUNT.private.sign(f"{head}.{body}".encode()))
        changed[at] ^= 1
        refuse(f"signature with byte {at} changed", head, body, chunk(bytes(changed)))
    refuse("payload with a byte changed", head, chunk(payload.replace("svc", "svd")), tail)
    refuse("header with a byte changed", chunk(HEADER.replace("JWT", "jwt")), body, tail)
    refuse("another key's signature", *seal("user", payload, key=Key("account", "other")).split("."))
    refuse("the subject's signature", *seal("user", payload, key=USER).split("."))
    refuse("signed as version 1", head, body, chunk(ACCOUNT.private.sign(body.encode())))
    refuse("signed before encoding", head, body, chunk(ACCOUNT.private.sign(payload.encode())))
    refuse("signature of zeros", head, body, chunk(bytes(64)))
    raw = ACCOUNT.private.sign(f"{head}.{body}".encode())
    above = int.from_bytes(raw[32:], "little") + ORDER
    refuse("signature with s above the group's order", head, body, chunk(raw[:32] + above.to_bytes(32, "little")))


def build() -> dict[str, Any]:
    """Return what tokens.json holds."""
    out = Vectors()
    for section in (sound, text, headers, documents, ambiguous, types, kinds, keys, signatures):
        section(out)
    return {"note": "Throw-away keys, made by make_tokens.py. One fault a vector.", "vectors": out.rows}


def dump() -> str:
    """Return the text of tokens.json."""
    return json.dumps(build(), indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("tokens.json").write_text(dump(), encoding="ascii")
