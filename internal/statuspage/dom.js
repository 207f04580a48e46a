'use strict';
// Small tools. All text goes in by text nodes and attributes: what a server, a
// site or a client says is never read as markup.

const $ = id => document.getElementById(id);
const svgNames = new Set(['svg', 'path', 'circle', 'text', 'pattern', 'rect', 'g', 'title']);

// h returns an element. An attribute that is false, null or undefined is left out.
function h(tag, attrs, ...kids) {
  const el = svgNames.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v !== false && v !== null && v !== undefined) el.setAttribute(k, v === true ? '' : v);
  }
  el.append(...kids.flat(Infinity).filter(k => k !== null && k !== undefined && k !== false));
  return el;
}

// fill makes the children of a parent one for each item, in order. A child
// whose item did not change stays as it is, with its focus and what is open.
function fill(parent, items, key, make) {
  const old = new Map([...parent.children].map(el => [el.dataKey, el]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const k = key(item), text = JSON.stringify(item);
    let el = old.get(k);
    if (!el || el.dataText !== text) {
      const next = make(item);
      next.dataKey = k;
      next.dataText = text;
      if (el) {
        keepOpen(el, next);
        if (el === at) at = el.nextElementSibling;
        el.remove();
      }
      el = next;
    }
    old.delete(k);
    if (el === at) at = el.nextElementSibling;
    else parent.insertBefore(el, at);
  }
  for (const el of old.values()) el.remove();
}

// keepOpen carries over which details are open.
function keepOpen(from, to) {
  const was = [...from.querySelectorAll('details')];
  [...to.querySelectorAll('details')].forEach((d, i) => { if (was[i]) d.open = was[i].open; });
}

// The server's clock and this one may differ; ages are counted by the server's.
let skew = 0;
const now = () => Date.now() + skew;

function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return s + ' s';
  if (s < 6000) return Math.round(s / 60) + ' min';
  if (s < 172800) return Math.round(s / 3600) + ' h';
  return Math.round(s / 86400) + ' days';
}

function clock(t) {
  const d = new Date(t), same = d.toDateString() === new Date(now()).toDateString();
  const time = d.toLocaleTimeString('en-GB');
  return same ? time : d.toLocaleDateString('en-CA') + ' ' + time;
}

// since returns a time element whose age is kept fresh by tick.
const since = (t, before = '', after = '') =>
  h('time', { datetime: t, title: new Date(t).toISOString(), 'data-before': before, 'data-after': after }, before + ago(now() - Date.parse(t)) + after);

function tick() {
  for (const el of document.querySelectorAll('time[data-before]')) {
    const text = el.dataset.before + ago(now() - Date.parse(el.dateTime)) + el.dataset.after;
    if (el.textContent !== text) el.textContent = text;
  }
}

const percent = x => (x > 0 && x < 0.005 ? '<1' : x < 1 && x > 0.995 ? '>99' : Math.round(100 * x)) + '\u00a0%';
const plural = (n, one, many = one + 's') => n + ' ' + (n === 1 ? one : many);

// shorten shows the first items of a long list, and a button for the others.
const shown = {};
function shorten(id, items, most, what) {
  const button = $(id), all = shown[id];
  button.hidden = items.length <= most;
  button.textContent = all ? 'Show fewer' : `Show all ${items.length} ${what}`;
  button.setAttribute('aria-expanded', String(!!all));
  button.onclick = () => { shown[id] = !all; draw(); };
  return all ? items : items.slice(0, most);
}
