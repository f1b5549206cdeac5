"""Write plain.json, strict.json, managed.json and one-directory.json: stores as the real nsc makes them.

Run as `python tests/vectors/nsc/make_stores.py`; it takes nsc (see tests/nsc_tool.py). Keys are new in each run, and
thrown away: they are in these files, and protect nothing.

A file holds `commands` (what nsc was told) and `files`: path to `mode` and `text`. The paths begin with `stores`,
`keys` or `config`, or with `all` where one directory has everything. One JSON file holds it, because the `.gitignore`
that nsc makes would keep the keys out of a repository.
"""

import json
import stat
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from nsc_tool import Nsc

PLAIN = """
    add operator acme --generate-signing-key --sys
    edit operator --service-url nats://127.0.0.1:4222 --tag env:test
    add account orders
    edit account orders --sk generate --conns 500 --js-mem-storage 1M --js-disk-storage 1G --js-streams 10
    edit account orders --description all-orders --tag region:eu --tag team:blue
    edit account orders --allow-pub public.> --allow-sub public.> --deny-pub public.secret
    edit signing-key --account orders --sk generate --role device --allow-pub devices.{{name()}}.>
        --allow-sub _INBOX.{{subject()}}.>
    edit signing-key --account orders --sk generate --role worker --allow-pub work.> --allow-pub-response=2
        --response-ttl 5s --subs 10 --payload 1000 --source-network 10.0.0.0/8 --time 08:00:00-18:00:00
        --locale Europe/Berlin --conn-type STANDARD --conn-type WEBSOCKET
    add export --account orders --name ticks --subject ticks.>
    add export --account orders --name secrets --subject secrets.> --private
    add export --account orders --name ask --subject ask.* --service --response-type Stream
        --latency lat.ask --sampling header
    add mapping --account orders --from old.* --to new.{{wildcard(1)}} --weight 80
    add mapping --account orders --from old.* --to other.{{wildcard(1)}} --weight 20 --cluster east
    add account billing
    add import --account billing --src-account ORDERS --remote-subject ticks.> --name ticks --local-subject in.ticks.>
    add import --account billing --src-account ORDERS --remote-subject ask.billing --name ask --service
        --local-subject ask.orders
    generate activation --account orders --subject secrets.> --target-account BILLING --output-file TOKEN
    add import --account billing --token TOKEN --local-subject in.secrets.>
    add user svc-1 --account orders --allow-pub orders.> --allow-sub orders.>,_INBOX.> --deny-pub orders.admin.>
    add user everything --account orders
    add user by-signing-key --account orders -K PLAIN-KEY --allow-pub b
    add user d-17 --account orders -K device --tag team:red
    add user w-1 --account orders -K worker
    add user bearer --account orders --bearer --expiry 2099-12-31 --allow-sub public.>
    add user responder --account orders --allow-sub ask.* --allow-pub-response=3 --response-ttl 2m
    add user gone --account orders --allow-pub a
    revocations add-user --account orders --name gone --at 1700000000
    add user accountant --account billing --allow-pub in.> --allow-sub in.>
"""

STRICT = """
    add operator sealed --generate-signing-key --sys
    edit operator --require-signing-keys
    add account fleet
    edit account fleet --sk generate
    edit signing-key --account fleet --sk generate --role truck --allow-pub trucks.{{subject()}}.>
    add user t-1 --account fleet -K truck
    add user clerk --account fleet -K PLAIN-KEY --allow-pub trucks.> --allow-sub trucks.>
"""

MANAGED = """
    add operator --url OPERATOR
    add account tenant
    add account signed
    add user tenant-1 --account tenant --allow-pub t.>
"""

ONE = """
    add operator small
    add account first
    add user u --account first
"""


def run(nsc: Nsc, script: str, **words: str) -> list[str]:
    """Run each line of *script*, with *words* in the place of their names; return the lines."""
    lines = [" ".join(line.split()) for line in script.strip().replace("\n        ", " ").splitlines()]
    for line in lines:
        found = {**words}
        for name in ("orders", "billing"):
            if f"account {name.upper()}" in line:
                found[name.upper()] = nsc.store.account(name).public
        if "PLAIN-KEY" in line:
            found["PLAIN-KEY"] = nsc.store.account(line.split("--account ")[1].split()[0]).signing_keys[0].public
        nsc.run(*[found.get(word, word) for word in line.split()])
    return lines


def pack(home: Path, commands: list[str]) -> dict[str, object]:
    """Return all files below the places of nsc."""
    files = {
        str(path.relative_to(home)): {"mode": f"{stat.S_IMODE(path.stat().st_mode):04o}", "text": path.read_text()}
        for place in ("stores", "keys", "config", "all")
        for path in sorted((home / place).rglob("*"))
        if path.is_file() and path.name != "nsc.json"  # which holds paths of this machine
    }
    return {"commands": commands, "files": files}


def make(scratch: Path) -> dict[str, dict[str, object]]:
    """Return the stores by name."""
    plain, strict, managed = (Nsc(scratch / name) for name in ("plain", "strict", "managed"))
    one = Nsc(scratch / "one", one_directory=True)
    token = str(scratch / "activation.jwt")
    made = {"plain": pack(plain.home, run(plain, PLAIN, TOKEN=token))}
    made["strict"] = pack(strict.home, run(strict, STRICT))
    remote = Nsc(scratch / "remote")
    remote.run("add", "operator", "remote", "--generate-signing-key")
    url = str(remote.home / "stores" / "remote" / "remote.jwt")
    lines = run(managed, MANAGED, OPERATOR=url)
    # The operator, elsewhere, signs one of the accounts, and it comes back.
    owner, held = remote.store.operator("remote"), managed.store.account("signed")
    signed = owner.adopt(held.jwt, keys=[held.key] if held.key else [])
    path = managed.home / "stores" / "remote" / "accounts" / "signed" / "signed.jwt"
    path.write_text(signed.jwt)
    made["managed"] = pack(managed.home, [*lines, "(the operator signs the account 'signed')"])
    made["one-directory"] = pack(one.home, run(one, ONE))
    return made


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        for store, content in make(Path(directory)).items():
            text = json.dumps(content, indent=1, ensure_ascii=True)
            (Path(__file__).parent / f"{store}.json").write_text(text + "\n")
            print(store, len(content["files"]))  # type: ignore[arg-type]
