// The sites: state in words and shape, since when, why, and how long probes took.

const shapes = {
  up: 'M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z',
  down: 'M3 1L8 6L13 1L15 3L10 8L15 13L13 15L8 10L3 15L1 13L6 8L1 3z',
  held: 'M3 2h4v12h-4zM9 2h4v12h-4z',
  partial: 'M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14zM8 3.2v9.6a4.8 4.8 0 0 0 0-9.6z',
  spilling: 'M1 1h9v2H3v10h8v-3h2v5H1zM9 5h3V2l4 4.5L12 11V8H9z',
  kept: 'M8 1L14 3.5V8C14 12 11 14 8 15C5 14 2 12 2 8V3.5z',
  drained: 'M1 3h14L8 14z',
  draining: 'M1 3h14L8 14zM4.6 5L8 10.4L11.4 5z',
  returning: 'M8 2L15 13H1zM8 5.6L4.6 11H11.4z',
  'forced-up': 'M8 1L14 8H10.5V15H5.5V8H2z',
  'forced-down': 'M8 15L14 8H10.5V1H5.5V8H2z',
};
const mark = kind => h('svg', { class: 'mark ' + kind, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
  h('path', { d: shapes[kind] || shapes.up, fill: 'currentColor', 'fill-rule': 'evenodd' }));

const overridesOf = (status, name) => status.overrides.filter(o => o.site === name || o.policy === name);

// siteState says what a site is just now: a kind, which has a shape and a
// colour, and words.
function siteState(site, overrides) {
  const whole = overrides.filter(o => o.site === site.name && !o.policy && !o.address);
  const o = whole.find(o => o.state.startsWith('forced')) || whole[0];
  const addrs = site.addresses || [], bad = addrs.filter(a => !a.up).length, held = addrs.filter(a => a.up && a.held);
  if (o && (o.state === 'draining' || o.state === 'returning' && o.share < 1)) {
    return { kind: o.state, words: `${o.state}, has ${percent(o.share)} of its clients` };
  }
  if (o && o.state !== 'returning') return { kind: o.state.replace(' ', '-'), words: o.state };
  if (!site.up && site.kept_by.length) return { kind: 'kept', words: 'failing, kept in by guard' };
  if (!site.up) return { kind: 'down', words: 'down' };
  if (held.length && held.length + bad === addrs.length) return { kind: 'held', words: 'works again, held back' };
  const over = overCapacity(site);
  if (over) return { kind: 'spilling', words: over };
  const share = Math.min(site.share, Math.max(0, ...addrs.map(a => a.share)));
  if (addrs.length && share < 1) return { kind: 'partial', words: `up, takes ${percent(share)} of its clients` };
  if (bad) return { kind: 'partial', words: `up, ${bad} of ${plural(addrs.length, 'address', 'addresses')} down` };
  return { kind: 'up', words: site.since ? 'up' : 'up, not checked' };
}

// overCapacity says that a site has more load than capacity, or sends clients on
// for that; '' if neither.
function overCapacity(site) {
  const keeps = site.keeps ?? 1;
  if (keeps < 1) return `over its capacity, keeps ${percent(keeps)} of its clients`;
  return site.capacity && site.load > site.capacity ? 'over its capacity' : '';
}

// sparkline draws the latest probes, oldest first: a line of how long they
// took, and a stroke over the full height for one that failed (null).
function sparkline(recent) {
  if (!recent || !recent.length) return h('span', { class: 'dim' }, '–');
  const ok = recent.filter(v => v !== null), most = Math.max(...ok, 0.1), step = 100 / Math.max(recent.length - 1, 1);
  let line = '', fails = '', pen = false;
  recent.forEach((v, i) => {
    const x = (i * step + 2).toFixed(1);
    if (v === null) { fails += `M${x} 2V22`; pen = false; return; }
    line += `${pen ? 'L' : 'M'}${x} ${(21 - 18 * v / most).toFixed(1)}`;
    if (!pen) line += 'h.1';
    pen = true;
  });
  const failed = recent.length - ok.length;
  const words = `Last ${plural(recent.length, 'probe')}: ` + (ok.length ? `${ms(Math.min(...ok))} to ${ms(most)}` : 'none passed') +
    (failed ? `, ${failed} failed` : '');
  return h('svg', { class: 'spark', viewBox: '0 0 104 24', role: 'img', 'aria-label': words },
    h('title', null, words), h('path', { d: line }), h('path', { class: 'fail', d: fails }));
}

const ms = v => v >= 100 ? Math.round(v) + '\u00a0ms' : v.toFixed(v >= 10 ? 1 : 2) + '\u00a0ms';

// members says from which checks a calculated one comes, how many of them are
// needed, and how they stand.
function members(c) {
  if (!c.calculated) return [];
  const up = c.members.filter(m => m.of === c.check && m.state === 'up').length;
  const rows = [h('span', { class: 'member dim' }, `${c.calculated}: ${up} up, ${c.needed ? c.needed + ' needed' : 'none may be'}`)];
  for (const m of c.members) {
    const kind = m.state === 'down' ? 'down' : m.state === 'up' ? 'up' : 'partial';
    const why = m.state === 'down' && m.last_error ? h('span', { class: 'dim' }, ': ' + m.last_error) : '';
    rows.push(h('span', { class: 'member' }, mark(kind), ` ${m.check}`, m.calculated ? ` (${m.calculated})` : '', m.of === c.check ? '' : ` of ${m.of}`, ` ${m.state}`,
      m.latency_ms ? `, ${ms(m.latency_ms)}` : '', why));
  }
  return rows;
}

function probes(site) {
  const rows = [];
  for (const a of site.addresses || []) {
    if (!a.checks.length) rows.push({ a });
    for (const c of a.checks) rows.push({ a, c });
  }
  const table = rows => h('div', { class: 'probes' }, rows.map(({ a, c }) => {
    const state = c ? c.state : 'not checked', kind = state === 'down' ? 'down' : state === 'up' ? 'up' : 'partial';
    return [
      h('span', { class: 'name' }, mark(c ? kind : 'up'), ' ', a.address, c ? ` ${c.check}` : '', ' ', state, c && c.warning ? h('span', { class: 'warning' }, ' ' + c.warning) : ''),
      c && !c.calculated ? sparkline(c.recent_ms) : h('span'), h('span', { class: 'num' }, c && c.last_at && !c.calculated ? ms(c.latency_ms) : ''),
      c ? members(c) : [],
    ];
  }));
  if (rows.length <= 4) return table(rows);
  return [table(rows.slice(0, 3)), h('details', null, h('summary', null, `${rows.length - 3} more`), table(rows.slice(3)))];
}

function lastError(site) {
  let last = null;
  for (const a of site.addresses || []) for (const c of a.checks) {
    if (c.last_error && (!last || c.last_error_at > last.c.last_error_at)) last = { a, c };
  }
  if (!last) return null;
  const words = [`${last.a.address} ${last.c.check}, `, since(last.c.last_error_at, '', ' ago: '), last.c.last_error];
  return h('p', { class: site.up ? 'dim' : 'error' }, 'Last error: ', words);
}

function overrideLine(o) {
  const of = [o.address && `address ${o.address}`, o.policy && `in policy ${o.policy}`].filter(Boolean).join(' ');
  return h('p', { class: 'override' }, h('strong', null, o.state), of ? ` (${of})` : '', o.set ? [' ', since(o.set, '', ' ago')] : '', o.who ? ` by ${o.who}` : '',
    o.done_at ? `, done at ${clock(o.done_at)}` : '', o.until ? `, until ${clock(o.until)}` : ', until it is taken back', o.reason ? `: ${o.reason}` : '');
}

// loadBar draws a load beside a capacity; what is beyond it stands out.
function loadBar(load, capacity) {
  const bar = h('div', { class: load > capacity ? 'over' : null });
  bar.style.width = Math.min(100, 100 * load / capacity) + '%';
  return h('div', { class: 'load', 'aria-hidden': 'true' }, bar);
}

const ofCapacity = (load, capacity) => `${round3(load)} of ${round3(capacity)} (${percent(load / capacity)})`;
const round3 = x => x.toLocaleString('en', x < 1000 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });

function loadLine(site) {
  if (!site.capacity && site.load === null) return null;
  if (site.load === null) return h('p', null, `load not reported, capacity ${round3(site.capacity)}`);
  if (!site.capacity) return h('p', null, `load ${round3(site.load)}`);
  return [h('p', null, 'load ' + ofCapacity(site.load, site.capacity)), loadBar(site.load, site.capacity)];
}

function siteCard({ site, state, overrides }) {
  const until = (site.addresses || []).find(a => a.held), trouble = state.kind !== 'up';
  return h('article', { class: `card site ${state.kind}${trouble ? ' trouble' : ''}` },
    h('div', { class: 'site-head' }, mark(state.kind), h('h3', null, site.name), h('span', { class: 'state' }, state.words)),
    site.since && h('p', { class: 'dim' }, site.up ? 'checks pass ' : 'checks fail ', since(site.since, 'for '), `, since ${clock(site.since)}`),
    site.kept_by.length > 0 && h('p', null, `kept in by the guard of ${site.kept_by.join(', ')}`),
    until && h('p', null, until.held_until ? `held back until ${clock(until.held_until)}` : `held back until an operator lets it in: geodns undrain ${site.name}`),
    overrides.map(overrideLine), loadLine(site), lastError(site), probes(site));
}

const few = names => names.slice(0, 5).join(', ') + (names.length > 5 ? ' …' : '');

const rank = { down: 0, 'forced-down': 1, kept: 1, spilling: 2, held: 2, partial: 3, draining: 4, drained: 5, returning: 5, 'forced-up': 6, up: 7 };

function drawSites(status) {
  const list = (status.sites || []).map(site => {
    const overrides = overridesOf(status, site.name);
    return { site, overrides, state: siteState(site, overrides) };
  });
  list.sort((a, b) => rank[a.state.kind] - rank[b.state.kind]);
  fill($('sites'), shorten('more-sites', list, 60, 'sites'), x => x.site.name, siteCard);
  const count = kinds => list.filter(x => kinds.includes(x.state.kind)).length;
  const down = list.filter(x => x.state.kind === 'down').map(x => x.site.name);
  const out = count(['drained', 'forced-down', 'held']), some = count(['partial', 'kept', 'draining', 'returning', 'forced-up']);
  const over = list.filter(x => overCapacity(x.site)).map(x => x.site.name);
  const words = [
    down.length && `${plural(down.length, 'site')} down: ${few(down)}`,
    over.length && `${plural(over.length, 'site')} over capacity: ${few(over)}`,
    out && `${out} taken out or held back`, some && `${some} partly in or overridden`, count(['up']) === list.length ? `all ${plural(list.length, 'site')} up` : `${count(['up'])} of ${list.length} up`,
  ].filter(Boolean).join('; ');
  return { words, down: down.length };
}
