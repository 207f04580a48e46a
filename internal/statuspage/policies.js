// The policies as trees, with what clients get now.

function treeNode(node, site) {
  const state = node.kind === 'site' ? site(node.name) : null;
  const words = state ? state.words : node.up ? 'up' : 'down';
  return h('li', { class: node.taken ? 'taken' : 'idle' },
    h('div', { class: 'line' },
      h('span', { class: 'arrow' }, h('span', { 'aria-hidden': 'true' }, node.taken ? '▶' : '▷'), h('span', { class: 'hide' }, node.taken ? 'now: ' : 'not now: ')),
      node.when && h('code', null, node.when), node.when && ' → ',
      state ? [mark(state.kind), ' '] : !node.up && [mark('down'), ' '],
      h('strong', null, node.name || ''), node.name && node.kind !== 'site' ? ' ' : '',
      node.kind !== 'site' && h('span', { class: 'kind' }, node.kind), node.weight !== null && h('span', { class: 'kind' }, ` weight ${node.weight}`),
      (state || !node.up) && h('span', { class: 'kind' }, ' ' + (state && !node.up && state.kind === 'up' ? 'taken out here' : words)),
      node.notes && [' ', h('code', { class: 'kind' }, node.notes)]),
    node.targets.length > 0 && h('ul', null, node.targets.map(t => treeNode(t, site))));
}

const ifAllDown = { serve: 'all sites are answered as if they were up', fallback: 'the ordinary records at the name are answered', nodata: 'no address is answered', servfail: 'SERVFAIL is answered' };

function drawPolicies(policies, left, status) {
  $('policies-left').textContent = left ? `and ${plural(left, 'more policy', 'more policies')}` : '';
  const states = new Map((status.sites || []).map(s => [s.name, siteState(s, overridesOf(status, s.name))]));
  const site = name => states.get(name) || { kind: 'up', words: '' };
  // The words of a site are part of what is drawn, so they are part of the item.
  const words = n => n.kind === 'site' ? [site(n.name).words] : n.targets.flatMap(words);
  fill($('policies'), policies.map(p => ({ p, words: words(p.tree) })), x => x.p.policy, ({ p }) => h('article', { class: 'card tree' },
    h('h3', null, p.policy.length > 120 ? 'written in the zone' : p.policy),
    h('p', { class: 'dim' }, `answers ${p.names.slice(0, 5).join(', ')}${p.names.length > 5 ? ` and ${p.names.length - 5} more` : ''}`),
    !p.tree.up && h('p', { class: 'error' }, `Nothing is up: ${ifAllDown[p.all_down] || p.all_down}.`),
    h('ul', null, treeNode(p.tree, site)),
    p.left > 0 && h('p', { class: 'dim' }, `and ${p.left} more targets`)));
}
