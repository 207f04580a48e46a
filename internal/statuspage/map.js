// The map: which site serves each country now, and after "what if".

const colours = ['#4b7be5', '#e9873a', '#2f9e5b', '#a06bd6', '#1fa3b5', '#dd5590', '#a89a1f', '#96694c'];
const nobody = '#d21f2b';
const asked = { policy: '', down: [], sites: '' }; // what the map is to show
let rehearsed = null; // the last answer, with what it was asked
let byName = []; // all sites by name: the order of the colours

const colourOf = name => name === '' ? nobody : colours[Math.max(0, byName.indexOf(name)) % colours.length];
const siteName = name => name === '' ? 'nobody' : name;

const regions = typeof Intl === 'object' && Intl.DisplayNames ? new Intl.DisplayNames(['en'], { type: 'region' }) : null;
function countryName(code) {
  try { return regions ? regions.of(code) : code; } catch { return code || 'unknown'; }
}

// sorted returns the shares that count, the largest first.
const sorted = shares => Object.entries(shares || {}).filter(([, s]) => s > 0.0005).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
const shareText = shares => sorted(shares).map(([n, s], _, all) => all.length === 1 ? siteName(n) : `${siteName(n)} ${percent(s)}`).join(', ') || '–';

// paint returns a colour for a country, or stripes where several sites serve
// it. Sites beyond the number of colours, and nobody, have stripes as well, so
// that no two look the same.
function paint(shares) {
  const main = sorted(shares).filter(([, s]) => s >= 0.04).slice(0, 4);
  if (!main.length) return '';
  if (main.length === 1) {
    const [name] = main[0], round = Math.floor(byName.indexOf(name) / colours.length);
    if (name === '') return stripes('nobody', [[nobody, 5], ['var(--card)', 5]]);
    return round > 0 ? stripes('r' + byName.indexOf(name), [[colourOf(name), 10], ['var(--card)', 3 * round]]) : colourOf(name);
  }
  const sum = main.reduce((t, [, s]) => t + s, 0);
  const bands = main.map(([n, s]) => [colourOf(n), Math.max(4, Math.round(8 * s / sum) * 4)]);
  return stripes(main.map(([n], i) => byName.indexOf(n) + 'x' + bands[i][1]).join('-'), bands);
}

function stripes(id, bands) {
  if (!$('p-' + id)) {
    const width = bands.reduce((t, [, w]) => t + w, 0);
    let x = 0;
    $('patterns').append(h('pattern', { id: 'p-' + id, width, height: width, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      bands.map(([colour, w]) => {
        const r = h('rect', { x, y: 0, width: w, height: width });
        r.style.fill = colour;
        x += w;
        return r;
      })));
  }
  return `url(#p-${id})`;
}

// equalEarth is the projection by which tools/geotable made the map.
function equalEarth([lat, lon]) {
  const t = Math.asin(Math.sqrt(3) / 2 * Math.sin(lat * Math.PI / 180)), u = t * t, v = u * u * u;
  const scale = 1000 / (2 * Math.PI / Math.sqrt(3) / 1.340264);
  return [2 * Math.sqrt(3) * (lon * Math.PI / 180) * Math.cos(t) / (3 * (1.340264 - 3 * 0.081106 * u + v * (7 * 0.000893 + 9 * 0.003796 * u))) * scale,
    -t * (1.340264 - 0.081106 * u + v * (0.000893 + 0.003796 * u)) * scale];
}

const most = 300; // sites on the map and in the form

function drawPlaces(sites) {
  fill($('places'), sites.filter(s => s.location).slice(0, most).map(s => ({ name: s.name, at: s.location, gone: !s.up || asked.down.includes(s.name) })), s => s.name, s => {
    const [x, y] = equalEarth(s.at), left = x > 820;
    const dot = h('circle', { cx: x.toFixed(0), cy: y.toFixed(0), r: 13, class: s.gone && 'gone' });
    if (!s.gone) dot.style.fill = colourOf(s.name);
    return h('g', null, dot, h('text', { x: (x + (left ? -20 : 20)).toFixed(0), y: (y + 11).toFixed(0), 'text-anchor': left ? 'end' : 'start' }, s.name));
  });
}

// drawChoices fills the form: policies and sites to take as down.
function drawChoices(policies, sites) {
  const select = $('policy');
  fill(select, policies.map(p => p.policy), p => p, p => h('option', { value: p }, p.length > 60 ? p.slice(0, 59) + '…' : p));
  if (!policies.some(p => p.policy === asked.policy)) asked.policy = policies.length ? policies[0].policy : '';
  if (select.value !== asked.policy) select.value = asked.policy;
  const chosen = policies.find(p => p.policy === asked.policy), names = chosen ? chosen.names : [];
  $('names').textContent = names.length ? 'answers ' + names.slice(0, 4).join(', ') + (names.length > 4 ? ` and ${names.length - 4} more` : '') : '';
  $('downs-left').textContent = sites.length > most ? `and ${sites.length - most} more: geodns simulate --down SITE` : '';
  fill($('downs'), sites.slice(0, most).map(s => s.name), n => n, name => {
    const box = h('input', { type: 'checkbox', value: name });
    box.checked = asked.down.includes(name);
    return h('label', null, box, ' ', name);
  });
  asked.down = asked.down.filter(n => sites.some(s => s.name === n));
  $('clear').hidden = !asked.down.length;
}

function drawMap(sites) {
  byName = sites.map(s => s.name).sort();
  drawPlaces(sites);
  if (!rehearsed) return;
  const then = rehearsed.down.length > 0, p = rehearsed.policy;
  const shares = c => then ? c.after : c.before;
  $('map-title').textContent = 'World map: which site serves each country ' + (then ? `if ${rehearsed.down.join(' and ')} were down` : 'now');
  const land = new Map();
  for (const c of p ? p.countries || [] : []) land.set(c.country, c);
  for (const el of $('land').children) {
    const c = land.get(el.dataset.c);
    el.style.fill = c ? paint(shares(c)) : '';
    el.classList.toggle('moved', !!c && then && c.moved > 0.005);
  }
  drawShares(p, then);
  drawSpills(then);
  drawCountries(p, then, rehearsed.down);
  const warnings = [...(p ? p.warnings : []), ...rehearsed.warnings];
  fill($('whatif-notes'), [
    rehearsed.error && { warn: true, text: rehearsed.error },
    then && p && { text: `Outlined: served from elsewhere than now. ${percent(p.moved)} of all clients would move.` },
    !p && !rehearsed.error && { text: 'No name is steered, so there is nothing to draw.' },
    ...(then ? warnings.map(w => ({ warn: true, text: w })) : []),
  ].filter(Boolean), x => x.text, x => h('p', { class: x.warn ? 'warning' : null }, x.text));
}

function drawShares(p, then) {
  const before = p ? p.before : {}, after = p ? p.after : {};
  const names = [...new Set([...Object.keys(before), ...(then ? Object.keys(after) : [])])].sort();
  const rows = names.map(n => ({ n, was: before[n] || 0, is: (then ? after : before)[n] || 0, then, colour: colourOf(n) }));
  fill($('shares'), rows.filter(r => r.was > 0.0005 || r.is > 0.0005), r => r.n, r => {
    const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' }), bar = h('div'), was = h('div', { class: 'was' });
    swatch.style.background = bar.style.background = r.colour;
    bar.style.width = 100 * r.is + '%';
    was.style.width = 100 * r.was + '%';
    return h('li', null, swatch, h('span', null, siteName(r.n)), h('span', { class: 'num' }, r.then ? `${percent(r.was)} → ${percent(r.is)}` : percent(r.is)),
      h('div', { class: 'bars', 'aria-hidden': 'true' }, bar, r.then && was));
  });
}

// drawSpills tells where the clients go for whom a site has no room: now, and
// after "what if".
function drawSpills(then) {
  const goes = (to, text) => sorted(to).map(([n, x]) => `${text(x)} to ${n}`).join(', ');
  const items = (rehearsed.sends || []).map(s => ({ key: 'now ' + s.site, site: s.site,
    text: (then ? ' now keeps ' : ` has more load than capacity and keeps `) + `${percent(s.stays)} of its clients of this policy; ${goes(s.to, percent)}.` }));
  for (const s of then ? rehearsed.spills || [] : []) {
    const to = goes(s.to, round3);
    items.push({ key: 'then ' + s.site, site: s.site, load: s.load, capacity: s.capacity,
      text: ` would have a load of ${ofCapacity(s.load, s.capacity)}: ` +
        (to ? `${to}, and ${round3(s.left)} would stay` + (s.left > 1.005 * s.capacity ? ', for which nobody has room.' : '.') : 'nobody has room for what is too much.') });
  }
  fill($('spills'), items, x => x.key, x => h('li', null, mark('spilling'), h('strong', null, x.site), x.text,
    x.capacity && loadBar(x.load, x.capacity)));
}

function drawCountries(p, then, down) {
  const table = $('countries'), rows = (p ? p.countries || [] : []).slice();
  table.classList.toggle('then', then);
  $('countries-caption').textContent = then ? `Countries if ${down.join(' and ')} were down, the biggest moves first` : 'Countries now, the largest first';
  const weight = then ? c => c.moved * c.weight : c => c.weight;
  rows.sort((a, b) => weight(b) - weight(a) || b.weight - a.weight);
  fill(table.tBodies[0], shorten('more-countries', rows, 12, 'countries').map(c => ({ ...c, then })), c => c.country, c => h('tr', null,
    h('th', { scope: 'row' }, countryName(c.country)), h('td', { class: 'num' }, percent(c.weight)),
    h('td', null, shareText(c.before)), h('td', { class: 'after' }, c.moved > 0.005 ? h('strong', null, shareText(c.after)) : shareText(c.after))));
}

// pointAt tells about a country below the map. The table says the same to
// whoever does not point.
function pointAt(el) {
  for (const on of $('land').querySelectorAll('.on')) on.classList.remove('on');
  if (!el || !el.dataset.c) return;
  el.classList.add('on');
  const c = rehearsed && rehearsed.policy && (rehearsed.policy.countries || []).find(c => c.country === el.dataset.c);
  const then = c && rehearsed.down.length ? ` → ${shareText(c.after)}` : '';
  $('hint').textContent = countryName(el.dataset.c) + ': ' + (c ? shareText(c.before) + then + ` (${percent(c.weight)} of all)` : 'no addresses known');
}
