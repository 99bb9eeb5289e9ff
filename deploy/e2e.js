// Pays once at the sandbox's page in a real browser, as a person does: starts the server with its demo, signs in as the
// student who owes something, opens the page, presses the button, and looks at the bill, the receipt, the refund and the
// ledger. Needs nothing but Node.js and Chromium: the browser is driven over a pipe, without a library.
//
//   node deploy/e2e.js [path of the binary]

'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const PATIENCE = 60_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'domicile-e2e-'));
const children = [];

function fail(what) {
  throw new Error(what);
}

function is(what, found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) fail(`${what}: ${a} instead of ${b}`);
  console.log(`ok  ${what}: ${a}`);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, look) {
  const started = Date.now();
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() - started > PATIENCE) fail(`it never came to this: ${what}`);
    await pause(50);
  }
}

function target() {
  const root = process.env.CARGO_TARGET_DIR || path.join(__dirname, '..', 'target');
  const found = ['release', 'dist', 'debug'].map((profile) => path.join(root, profile, 'domicile'));
  return found.find((file) => fs.existsSync(file)) || fail('build the binary first: cargo build -p domicile-server');
}

/** Starts the server on a port of its own; answers its address. */
async function serve(binary) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (name.startsWith('DOMICILE_')) delete env[name];
  const log = path.join(folder, 'server.log');
  const out = fs.openSync(log, 'a');
  const data = path.join(folder, 'data');
  const args = ['serve', '--listen', '127.0.0.1:0', '--demo', '--data-dir', data];
  children.push(spawn(binary, args, { env, stdio: ['ignore', out, out] }));
  const base = await until('the server listens', () => {
    const line = /^listening on (http:\/\/\S+)/m.exec(fs.readFileSync(log, 'utf8'));
    return line && line[1].replace(/\/$/, '');
  });
  return { base, demo: JSON.parse(fs.readFileSync(path.join(data, 'demo.json'), 'utf8')) };
}

/** Somebody of the demo who asks. */
async function visitor({ base, demo }, email, hostel) {
  const account = demo.accounts.find((one) => one.email === email) || fail(`${email} is not in the demo`);
  const headers = { 'content-type': 'application/json' };
  const ask = async (method, at, body) => {
    const answer = await fetch(`${base}${at}`, { method, headers, body: body && JSON.stringify(body) });
    const type = answer.headers.get('content-type') || '';
    const said = type.includes('json') ? await answer.json() : Buffer.from(await answer.arrayBuffer());
    return { status: answer.status, type, said, data: said.data };
  };
  const login = await ask('POST', '/api/auth/login', { email, password: account.password });
  is(`${email} signs in`, login.status, 200);
  headers.authorization = `Bearer ${login.data.access_token}`;
  headers['x-hostel-id'] = hostel;
  return ask;
}

/** A browser without a window, spoken to over two pipes: messages of JSON, each ended by a zero byte. */
function browser() {
  const name = ['chromium', 'chromium-browser', 'google-chrome'].find((one) =>
    (process.env.PATH || '').split(':').some((part) => fs.existsSync(path.join(part, one))));
  if (!name) fail('there is no Chromium; install it with: apt-get install chromium');
  const args = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--disable-gpu', '--disable-extensions',
    `--user-data-dir=${path.join(folder, 'browser')}`];
  if (process.getuid() === 0) args.push('--no-sandbox');
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  children.push(child);
  const [to, from] = [child.stdio[3], child.stdio[4]];
  const waiting = new Map();
  let [number, rest] = [0, Buffer.alloc(0)];
  from.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const message = JSON.parse(rest.subarray(0, end).toString());
      rest = rest.subarray(end + 1);
      const one = waiting.get(message.id);
      waiting.delete(message.id);
      if (one) message.error ? one.no(new Error(message.error.message)) : one.yes(message.result);
    }
  });
  return (method, params = {}, sessionId = undefined) => new Promise((yes, no) => {
    number += 1;
    waiting.set(number, { yes, no });
    to.write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
  });
}

/** Opens a page without scripts, and answers what can be done with it. The page's own scripts are off; ours look at it. */
async function open(url) {
  const say = browser();
  const { targetId } = await say('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await say('Target.attachToTarget', { targetId, flatten: true });
  const on = (method, params) => say(method, params, sessionId);
  await on('Page.enable');
  await on('Emulation.setScriptExecutionDisabled', { value: true });
  await on('Page.navigate', { url });
  const look = async (expression) => {
    const { result, exceptionDetails } = await on('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails) fail(`${expression}: ${exceptionDetails.text}`);
    return result.value;
  };
  await until('the page is there', () => look("document.readyState === 'complete' && location.href !== 'about:blank'"));
  /** Presses a button with the mouse, where it is seen. */
  const press = async (selector) => {
    const at = await look(`(() => { const box = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; })()`);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await on('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
    }
  };
  return { look, press };
}

async function main() {
  const server = await serve(process.argv[2] || target());
  const bill = server.demo.bills[0] || fail('the demo owes nothing');
  const student = await visitor(server, bill.email, bill.hostel_id);
  const admins = server.demo.accounts.filter((one) => one.role === 'admin' && one.hostel_id === bill.hostel_id);
  const admin = await visitor(server, admins[0].email, bill.hostel_id);

  const begun = await student('POST', '/api/payments/initialize', { invoice_id: bill.invoice_id });
  is('paying is begun', begun.status, 201);
  const page = await open(begun.data.authorization_url);
  is('the page is headed', await page.look("document.querySelector('h1').textContent"), 'Sandbox checkout');
  is('it has no scripts', await page.look("document.querySelectorAll('script').length"), 0);
  is('it has four buttons', await page.look("[...document.querySelectorAll('button')].map((one) => one.value)"),
    ['pay', 'decline', 'hang', 'pay_twice']);
  await page.press("button[value='pay']");
  const said = () => page.look("(document.querySelector('.said') || {}).textContent");
  is('the page says', await until('the page answers', said), 'The payment succeeded.');
  is('nothing more can be pressed', await page.look("document.querySelectorAll('button').length"), 0);

  const at = `/api/payments/${begun.data.payment.id}`;
  await until('the gateway has told it', async () => (await student('GET', at)).data.status === 'completed');
  const paid = await student('GET', `/api/invoices/${bill.invoice_id}`);
  is('the bill is', paid.data.status, 'paid');
  const receipt = await student('GET', `${at}/receipt`);
  is('the receipt is', [receipt.status, receipt.type, receipt.said.subarray(0, 5).toString()],
    [200, 'application/pdf', '%PDF-']);

  const half = { ...bill.amount, amount_minor: Math.floor(bill.amount.amount_minor / 2) };
  const refund = await admin('POST', `${at}/refund`, { amount: half, reason: 'Half of it' });
  is('half goes back', [refund.status, refund.data.status, refund.data.amount], [201, 'completed', half]);
  const journals = await admin('GET', '/api/admin/ledger/journals?limit=100');
  const sums = journals.data.map((one) => one.entries.reduce((sum, entry) => sum + entry.amount.amount_minor, 0));
  is('journals that do not sum to zero', sums.filter((sum) => sum !== 0).length, 0);
  is('there are journals', sums.length > 2, true);
}

main().then(() => console.log('paid once, and the books are right'), (error) => {
  console.error(error.stack);
  process.exitCode = 1;
}).finally(() => {
  for (const child of children) child.kill('SIGKILL');
  setTimeout(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }), 200);
});
