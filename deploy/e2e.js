// Presses the four buttons of the sandbox's page in a real browser, as a person with a phone does: starts the server
// with its demo, signs in as a student who owes something, begins to pay, opens the page, presses, and asks the API
// what became of the payment and the bill; at last looks at the receipt, a refund, the wallet and the ledger. Needs
// nothing but Node.js (18 or later) and Chromium: the browser is driven over a pipe, without a library. Ends with 0
// when all was as it should be, else with 1 and what was not.
//
//   node deploy/e2e.js [path of the binary]

'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const PATIENCE = 30_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'domicile-e2e-'));
const log = path.join(folder, 'server.log');
const children = [];
let gone;
const somebodyDied = new Promise((_, no) => { gone = no; });

function fail(what) {
  throw new Error(what);
}

function is(what, found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) fail(`${what}: ${a} instead of ${b}`);
  console.log(`ok  ${what}: ${a}`);
}

/** Looks until it is as expected. A look that fails, as at a page that is just being replaced, counts as not yet. */
async function becomes(what, look, expected) {
  const ends = Date.now() + PATIENCE;
  for (;;) {
    const found = await Promise.resolve().then(look).catch((error) => error.message);
    if (JSON.stringify(found) === JSON.stringify(expected) || Date.now() > ends) return is(what, found, expected);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function target() {
  const root = process.env.CARGO_TARGET_DIR || path.join(__dirname, '..', 'target');
  const found = ['release', 'dist', 'debug'].map((profile) => path.join(root, profile, 'domicile'));
  return found.find((file) => fs.existsSync(file)) || fail('build the binary first: cargo build -p domicile-server');
}

/** Starts what has to stay alive until the end, in a process group of its own, which ends with us. */
function start(file, args, options) {
  const child = spawn(file, args, { ...options, detached: true });
  child.on('error', gone);
  child.on('exit', (code, signal) => gone(new Error(`${file} ended with ${signal || code}`)));
  children.push(child);
  return child;
}

/** Starts the server on a port of its own; answers its address and its demo. */
async function serve(binary) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (name.startsWith('DOMICILE_')) delete env[name];
  // It is asked again and again whether it is so far.
  env.DOMICILE_RATE_LIMITS__ENABLED = 'false';
  const out = fs.openSync(log, 'a');
  const data = path.join(folder, 'data');
  const args = ['serve', '--listen', '127.0.0.1:0', '--demo', '--data-dir', data];
  start(binary, args, { env, cwd: folder, stdio: ['ignore', out, out] });
  const line = () => /^listening on (http:\/\/\S+)/m.exec(fs.readFileSync(log, 'utf8'));
  await becomes('the server listens', () => line() !== null, true);
  const base = line()[1].replace(/\/$/, '');
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
  const child = start(name, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const [to, from] = [child.stdio[3], child.stdio[4]];
  // A broken pipe means that the browser is gone, which its end tells better.
  for (const pipe of [to, from]) pipe.on('error', () => {});
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

/** Opens a page in a tab as large as a phone; answers what can be done with it. Its scripts are off, ours look. */
async function open(say, url) {
  const { targetId } = await say('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await say('Target.attachToTarget', { targetId, flatten: true });
  const on = (method, params) => say(method, params, sessionId);
  await on('Emulation.setDeviceMetricsOverride', { width: 360, height: 640, deviceScaleFactor: 2, mobile: true });
  await on('Emulation.setScriptExecutionDisabled', { value: true });
  await on('Page.enable');
  await on('Page.navigate', { url });
  const look = async (expression) => {
    const { result, exceptionDetails } = await on('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails) fail(`${expression}: ${exceptionDetails.exception?.description || exceptionDetails.text}`);
    return result.value;
  };
  const shows = (what, expression, expected) =>
    becomes(what, () => look(`document.readyState === 'complete' ? ${expression} : 'still loading'`), expected);
  /** Presses a button with the mouse, where it is seen. */
  const press = async (action) => {
    const at = await look(`(() => {
      const box = document.querySelector("button[value='${action}']").getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    })()`);
    for (const type of ['mousePressed', 'mouseReleased']) {
      await on('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
    }
  };
  return { shows, press };
}

const ACTIONS = ['pay', 'decline', 'hang', 'pay_twice'];
const BUTTONS = "[...document.querySelectorAll('button')].map((one) => one.value)";
const SAID = "document.querySelector('.said')?.textContent";

async function main() {
  const server = await serve(process.argv[2] ? path.resolve(process.argv[2]) : target());
  const owed = server.demo.bills[0] || fail('the demo owes nothing');
  const student = await visitor(server, owed.email, owed.hostel_id);
  const admins = server.demo.accounts.filter((one) => one.role === 'admin' && one.hostel_id === owed.hostel_id);
  const admin = await visitor(server, admins[0].email, owed.hostel_id);
  const say = browser();

  const unpaid = (await student('GET', `/api/invoices?booking_id=${owed.booking_id}&status=open`)).data;
  const bills = unpaid.filter((one) => one.kind === 'rent');
  is('there is a bill for each button', bills.length >= ACTIONS.length, true);

  /** Begins to pay a bill and opens the page. */
  const begin = async (what, bill) => {
    const { status, data } = await student('POST', '/api/payments/initialize', { invoice_id: bill.id });
    is(`${what}: paying is begun`, [status, data?.payment.status], [201, 'pending']);
    const page = await open(say, data.authorization_url);
    await page.shows(`${what}: the page has four buttons`, BUTTONS, ACTIONS);
    const at = `/api/payments/${data.payment.id}`;
    return {
      ...page,
      at,
      press: async (action, says, left) => {
        await page.press(action);
        await page.shows(`${what}: the page says after ${action}`, SAID, says);
        await page.shows(`${what}: what can still be pressed`, BUTTONS, left);
      },
      /** What the gateway's notice makes of the payment: nobody asks the gateway here. */
      told: (payment, invoice) => becomes(`${what}: the payment and the bill are`, async () => [
        (await student('GET', at)).data.status, (await student('GET', `/api/invoices/${bill.id}`)).data.status,
      ], [payment, invoice]),
      /** What the gateway says when it is asked. */
      verify: async (code, payment) => {
        const answer = await student('GET', `/api/payments/verify/${data.payment.reference}`);
        const found = answer.data.payment || answer.data;
        is(`${what}: asking the gateway`, [answer.status, found.status], [code, payment]);
      },
    };
  };

  const pay = await begin('pay', bills[0]);
  await pay.shows('the page is headed', "document.querySelector('h1').textContent", 'Sandbox checkout');
  await pay.shows('it has no scripts', 'document.scripts.length', 0);
  await pay.shows('it fits a phone', 'document.documentElement.scrollWidth <= 360', true);
  await pay.press('pay', 'The payment succeeded.', []);
  await pay.told('completed', 'paid');
  await pay.verify(200, 'completed');

  const decline = await begin('decline', bills[1]);
  await decline.press('decline', 'The payment was declined. Nothing was charged.', []);
  await decline.told('failed', 'open');
  await decline.verify(402, 'failed');

  const hang = await begin('hang', bills[2]);
  const hangs = 'The payment hangs: nothing is decided and nobody is told. You can still pay or decline.';
  await hang.press('hang', hangs, ACTIONS);
  await hang.verify(200, 'pending');
  await hang.told('pending', 'open');
  await hang.press('pay', 'The payment succeeded.', []);
  await hang.told('completed', 'paid');

  const twice = await begin('pay twice', bills[3]);
  await twice.press('pay_twice', 'The payment succeeded in the first tab. In the second it was refused: '
    + 'this reference is already paid. The success is reported twice.', []);
  await twice.told('completed', 'paid');

  const receipt = await student('GET', `${pay.at}/receipt`);
  is('the receipt is', [receipt.status, receipt.type, receipt.said.subarray(0, 5).toString()],
    [200, 'application/pdf', '%PDF-']);
  const half = { ...bills[0].total, amount_minor: Math.floor(bills[0].total.amount_minor / 2) };
  const refund = await admin('POST', `${pay.at}/refund`, { amount: half, reason: 'Half of it' });
  is('half goes back', [refund.status, refund.data?.status, refund.data?.amount], [201, 'completed', half]);
  is('the payment is', (await student('GET', pay.at)).data.status, 'partially_refunded');

  // The second notice of the success comes within a second; nothing may have come of it.
  await new Promise((done) => setTimeout(done, 1_000));
  is('nothing is left over in the wallet', (await student('GET', '/api/wallet')).data.balance.amount_minor, 0);
  is('nothing is in quarantine', (await admin('GET', '/api/admin/ledger/quarantine')).data.length, 0);
  const journals = (await admin('GET', '/api/admin/ledger/journals?limit=100')).data;
  is('charges in the ledger', journals.filter((one) => one.key.startsWith('charge:')).length, 3);
  const sums = journals.map((one) => one.entries.reduce((sum, entry) => sum + entry.amount.amount_minor, 0));
  is('journals that do not sum to zero', sums.filter((sum) => sum !== 0).length, 0);
}

process.on('exit', () => {
  for (const { pid } of children) {
    try { process.kill(-pid, 'SIGKILL'); } catch { /* It is gone, or never was. */ }
  }
  fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

Promise.race([main(), somebodyDied]).then(() => {
  console.log('all four buttons do what they say, and the books are right');
  process.exit(0);
}, (error) => {
  console.error(`FAILED: ${error.message}`);
  // What the server has to say about it, apart from its line for each request.
  const lines = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\n') : [];
  const told = lines.filter((one) => one && !/"level":"INFO"|^ |^listening/.test(one));
  for (const line of told.slice(-5)) console.error(`server: ${line}`);
  process.exit(1);
});
