// Refuses a dependency whose licence is not on the allow-list of deny.toml, in Rust crates and npm packages alike.
// An `A OR B` passes when either does; a package without a licence is refused.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const deny = readFileSync(new URL('deny.toml', root), 'utf8');
const list = /^allow\s*=\s*\[([^\]]*)\]/m.exec(deny);
if (!list) throw new Error('deny.toml has no list `allow = [...]`');
const allowed = new Set([...list[1].matchAll(/"([^"]+)"/g)].map((m) => m[1]));

/** Does this SPDX expression leave a choice we accept? Grammar: or := and ("OR" and)*; and := atom ("AND" atom)*. */
export function accepts(expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const or = () => {
    let ok = and();
    while (tokens[at] === 'OR') { at++; ok = and() || ok; }
    return ok;
  };
  const and = () => {
    let ok = atom();
    while (tokens[at] === 'AND') { at++; ok = atom() && ok; }
    return ok;
  };
  const atom = () => {
    if (tokens[at] === '(') {
      at++;
      const ok = or();
      if (tokens[at++] !== ')') throw new Error(`unbalanced licence expression: ${expression}`);
      return ok;
    }
    let name = tokens[at++];
    if (tokens[at] === 'WITH') { name += ` WITH ${tokens[at + 1]}`; at += 2; }
    // `X+` is X or a later version of it: X is a choice.
    return allowed.has(name) || allowed.has(name.replace(/\+$/, ''));
  };
  const ok = or();
  if (at !== tokens.length) throw new Error(`cannot read licence expression: ${expression}`);
  return ok;
}

const refused = [];
let seen = 0;
function look(kind, name, version, licence) {
  seen++;
  if (!licence || !accepts(licence)) refused.push(`${kind} ${name} ${version}: ${licence || 'no licence stated'}`);
}

for (const folder of ['.', 'tests/fuzz', 'appliance/scribe/worker']) {
  if (!existsSync(new URL(`${folder}/Cargo.lock`, root))) continue;
  const metadata = JSON.parse(execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'],
    { cwd: new URL(`${folder}/`, root), maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] }));
  for (const p of metadata.packages) look('crate', p.name, p.version, p.license);
}
for (const folder of ['web-ui', 'tests/browser', 'tests/clients/node']) {
  const lock = new URL(`${folder}/package-lock.json`, root);
  if (!existsSync(lock)) continue;
  for (const [path, p] of Object.entries(JSON.parse(readFileSync(lock, 'utf8')).packages)) {
    if (path === '' || p.link) continue;
    look('npm', path.replace(/^.*node_modules\//, ''), p.version, p.license);
  }
}
if (refused.length > 0) {
  console.error(`licences not on the allow-list of deny.toml:\n  ${refused.join('\n  ')}`);
  process.exit(1);
}
console.log(`${seen} packages, every licence is on the allow-list`);
