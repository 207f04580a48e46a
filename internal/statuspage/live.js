// The loop: asks every few seconds, draws, and says when the server is lost.

const every = 3000, patience = 8000;
let status = null, policies = [], left = 0, wait = every, lostSince = 0, timer = 0, asking = false;

async function get(path) {
  const r = await fetch(path, { headers: { Accept: 'application/json' }, cache: 'no-store', signal: AbortSignal.timeout(patience) });
  if (!r.ok) {
    const why = await r.json().catch(() => ({}));
    throw Object.assign(new Error(why.error || `${path}: ${r.status}`), { status: r.status });
  }
  const date = Date.parse(r.headers.get('Date') || '');
  if (Math.abs(date - Date.now() - skew) > 1500) skew = date - Date.now();
  return r.json();
}

async function poll() {
  if (asking || document.hidden) return;
  asking = true;
  clearTimeout(timer);
  const began = Date.now();
  try {
    const [s, p] = await Promise.all([get('/api/v1/status'), get('/api/v1/policies')]);
    status = s;
    policies = p.policies;
    left = p.left;
    lostSince = 0;
    rehearse();
  } catch (e) {
    lostSince = lostSince || now();
    console.info('status: ' + e.message);
  }
  asking = false;
  draw();
  // A server with very much to tell is asked less often.
  wait = Math.max(every, 5 * (Date.now() - began));
  timer = setTimeout(poll, lostSince ? every : wait);
}

// rehearse asks who is served where: at once when another question is put,
// and again when the state has changed or the answer is old. One answer is
// waited for at a time.
let rehearsing = null, before = { question: '', state: '', at: 0 };
async function rehearse() {
  if (!status || rehearsing) return;
  drawChoices(policies, status.sites || []);
  const question = currentQuestion();
  const state = JSON.stringify([(status.sites || []).map(s => [s.name, s.up, percent(s.share), percent(s.keeps ?? 1), s.forced, s.kept_by.length]), status.config.loaded_at, status.overrides.length]);
  if (question === before.question && (Date.now() - before.at < 30000) && (state === before.state || Date.now() - before.at < 4000)) return;
  const down = asked.down.slice();
  let next = null;
  rehearsing = question;
  try {
    const r = policies.length ? await get('/api/v1/simulate?' + question) : { policies: [], warnings: [] };
    next = { policy: (r.policies || [])[0] || null, warnings: r.warnings || [], sends: r.sends || [], spills: r.spills || [], down };
    before = { question, state, at: Date.now() };
  } catch (e) {
    // An answer that says no is shown; a server that is lost is told of elsewhere.
    if (e.status) next = { policy: null, warnings: [], down, error: e.message };
  }
  rehearsing = null;
  if (next) rehearsed = next;
  draw();
  if (next && question !== currentQuestion()) rehearse(); // another one was put meanwhile
}

function currentQuestion() {
  const q = new URLSearchParams();
  if (asked.policy) q.append('policy', asked.policy);
  for (const d of asked.down) q.append('down', d);
  return String(q);
}

function drawConfig(config) {
  const box = $('config'), bad = !config.ok;
  box.hidden = !bad;
  const text = JSON.stringify([bad, config.errors, config.loaded_at]);
  if (box.dataText === text) return;
  box.dataText = text;
  if (!bad) return box.replaceChildren();
  box.replaceChildren(
    h('p', null, h('strong', null, 'The changed files were refused '), since(config.at, '', ' ago'), `; what was loaded at ${clock(config.loaded_at)} is served on.`),
    h('ul', null, config.errors.slice(0, 50).map(e => h('li', null, h('code', null, e)))),
    ...(config.errors.length > 50 ? [h('p', null, `and ${config.errors.length - 50} more`)] : []));
}

function drawTransitions(list) {
  $('no-transitions').hidden = list.length > 0;
  $('transitions').hidden = list.length === 0;
  const rows = shorten('more-transitions', list, 10, 'changes');
  fill($('transitions').tBodies[0], rows, t => JSON.stringify(t), t => h('tr', null,
    h('td', { class: 'when' }, t.at && since(t.at, '', ' ago'), t.at && h('span', { class: 'dim' }, ' ' + clock(t.at))),
    h('td', null, [t.site, t.address, t.policy && `in ${t.policy}`].filter(Boolean).join(' ')),
    h('td', null, `${t.from} → `, h('strong', null, t.to)), h('td', null, t.reason)));
}

function drawAbout(s) {
  const db = (s.databases || []).map(d => `${d.path} (${plural(d.age_days, 'day')} old)`).join(', ');
  const zones = (s.zones || []).length, steered = (s.zones || []).reduce((t, z) => t + z.steered, 0);
  fill($('about'), [
    `geodns ${s.version}, listening at ${(s.listen || []).join(', ')}; ${plural(zones, 'zone')}, ${plural(steered, 'steered name')}; places from ${db || 'no database'}.`,
    ...s.config.warnings.slice(0, 20).map(w => w.startsWith('warning: ') ? 'W' + w.slice(1) : w),
    ...(s.state && s.state.ok === false ? ['The state folder cannot be written: ' + (s.state.error || '')] : []),
  ], x => x, x => h('p', null, x));
}

let said = '';
function drawHeader(sites) {
  const lost = lostSince > 0, box = $('lost');
  document.body.classList.toggle('lost', lost);
  box.hidden = !lost;
  if (lost && !box.firstChild) {
    box.append(h('p', null, h('strong', null, 'No answer from the server'), ` since ${clock(lostSince)}. `,
      status ? 'What stands below is of then. ' : '', `Asked again every ${every / 1000} s.`));
  } else if (!lost) box.replaceChildren();
  $('fresh').textContent = lost ? 'not live' : 'live';
  const words = !status ? 'No answer from the server' : sites.words + (status.config.ok ? '' : '; the changed files were refused');
  if (words !== said) $('summary').textContent = said = words;
  document.title = (lost ? '⚠ lost: ' : sites && sites.down ? `✕ ${sites.down} down: ` : '') + `geodns ${location.hostname}`;
}

function draw() {
  let sites = null;
  if (status) {
    sites = drawSites(status);
    drawChoices(policies, status.sites || []);
    drawMap(status.sites || []);
    drawPolicies(policies, left, status);
    drawConfig(status.config);
    drawTransitions(status.transitions || []);
    drawAbout(status);
  }
  drawHeader(sites);
  tick();
}

$('host').textContent = location.host;
$('policy').addEventListener('change', e => { asked.policy = e.target.value; rehearse(); });
$('downs').addEventListener('change', () => {
  asked.down = [...$('downs').querySelectorAll(':checked')].map(b => b.value);
  $('clear').hidden = !asked.down.length;
  rehearse();
});
$('clear').addEventListener('click', () => {
  asked.down = [];
  for (const b of $('downs').querySelectorAll(':checked')) b.checked = false;
  $('policy').focus();
  rehearse();
});
$('whatif').addEventListener('submit', e => e.preventDefault());
$('land').addEventListener('pointerover', e => pointAt(e.target));
$('land').addEventListener('pointerdown', e => pointAt(e.target));
document.addEventListener('visibilitychange', poll);
setInterval(tick, 1000);
poll();
