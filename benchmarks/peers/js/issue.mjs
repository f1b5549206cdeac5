// A peer of bench_issue.py: the same users, issued by @nats-io/jwt.
//
// It reads one job as JSON from standard input and answers with one JSON object.
import { readFileSync } from "node:fs";
import { createUser, encodeUser, fmtCreds, fromPublic, fromSeed } from "@nats-io/jwt";

const job = JSON.parse(readFileSync(0, "utf8"));
const signer = fromSeed(new TextEncoder().encode(job.seed));
const account = fromPublic(job.account);

async function issue(name) {
  const pair = createUser();
  const user = job.role ? {} : {
    pub: { allow: [`devices.${name}.>`], deny: [] },
    sub: { allow: [`_INBOX.${pair.getPublicKey()}.>`], deny: [] },
  };
  const token = await encodeUser(name, pair, account, user, { signer, exp: job.expires, scopedUser: job.role });
  return [token, fmtCreds(token, pair)];
}

const names = Array.from({ length: job.users }, (_, i) => `device-${String(i).padStart(7, "0")}`);
for (const name of names.slice(0, job.warm_up)) await issue(name);
let size = 0;
const start = process.hrtime.bigint();
for (const name of names) size += (await issue(name))[1].length;
const took = Number(process.hrtime.bigint() - start) / 1e9;
if (size === 0) throw new Error("nothing was issued");
const [sample] = await issue(names[0]);
console.log(JSON.stringify({ rates: { creds: names.length / took }, sample }));
