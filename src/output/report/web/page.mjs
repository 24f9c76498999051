// Sorting, filtering and opening. The page says everything without this script: what
// it adds is convenience.
import DataTable from 'datatables.net';

const timelines = new Map();
for (const one of document.querySelectorAll('details.timeline')) {
  timelines.set(one.id, one);
}

/** The text of a cell's HTML. */
const textOf = (html) => {
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  return parsed.body.textContent.trim();
};

const language = {
  search: 'Filter:',
  lengthMenu: 'Rows: _MENU_',
  info: '_START_ to _END_ of _TOTAL_',
  infoEmpty: 'no rows',
  infoFiltered: '(of _MAX_)',
  zeroRecords: 'no row fits the filter',
  paginate: { first: '«', previous: '‹', next: '›', last: '»' },
};

function dressed(table) {
  const isLong = table.classList.contains('long');
  return new DataTable(table, {
    language,
    order: [],
    autoWidth: false,
    paging: isLong,
    info: isLong,
    searching: isLong,
    pageLength: 15,
    lengthMenu: [15, 50, 200, { label: 'all', value: -1 }],
    layout: {
      topStart: isLong ? 'search' : null,
      topEnd: isLong ? 'pageLength' : null,
      bottomStart: isLong ? 'info' : null,
      bottomEnd: isLong ? 'paging' : null,
    },
  });
}

/** A choice among the values of a column. */
function choice(grid, table, title) {
  const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const at = titles.indexOf(title);
  const column = grid.column(at);
  const values = [...new Set(column.data().toArray().map((html) => textOf(html.display ?? html)))].sort();
  if (at < 0 || values.length < 2) return null;
  const label = document.createElement('label');
  const select = document.createElement('select');
  select.name = title;
  select.add(new Option('all', ''));
  for (const value of values) select.add(new Option(value, value));
  select.addEventListener('change', () => {
    const wanted = select.value;
    // What is searched is text already: read as HTML once more, it would be markup.
    column.search(wanted === '' ? '' : (text) => text.trim() === wanted).draw();
  });
  label.append(`${title}: `, select);
  return label;
}

/** Opens and closes the timeline of a chain below its row. */
function openable(grid, table) {
  table.tBodies[0].addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#c-"]');
    const timeline = link && timelines.get(link.hash.slice(1));
    if (!timeline) return;
    event.preventDefault();
    const row = grid.row(link.closest('tr'));
    const isOpen = row.child.isShown();
    if (isOpen) {
      row.child.hide();
    } else {
      const body = timeline.querySelector('.body').cloneNode(true);
      row.child(body, 'child').show();
    }
    link.setAttribute('aria-expanded', String(!isOpen));
  });
  const links = (root) => root.querySelectorAll('a[href^="#c-"]');
  const mark = () => {
    for (const link of links(table.tBodies[0])) {
      if (!link.hasAttribute('aria-expanded')) link.setAttribute('aria-expanded', 'false');
    }
  };
  grid.on('draw', mark);
  mark();
}

/** Opens everything around a place that a link points at. */
function reveal() {
  let place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const target = place;
  for (; place; place = place.parentElement) {
    if (place instanceof HTMLDetailsElement) place.open = true;
  }
  target?.scrollIntoView();
}

const grids = [];
for (const table of document.querySelectorAll('table.sorted')) {
  if (!table.tBodies[0]?.rows.length) continue;
  const grid = dressed(table);
  if (table.classList.contains('long')) grids.push(grid);
  if (table.id !== 'chains') continue;
  openable(grid, table);
  const filters = document.createElement('div');
  filters.className = 'filters';
  for (const title of ['Consumer', 'Data source', 'Status']) {
    const one = choice(grid, table, title);
    if (one) filters.append(one);
  }
  table.closest('.scroll').before(filters);
}

addEventListener('hashchange', reveal);
if (location.hash) reveal();

// What matters most of the coverage is its end.
const coverage = document.querySelector('#coverage-gaps .scroll');
if (coverage) coverage.scrollLeft = coverage.scrollWidth;

// Paper has no details to open, and no pages to turn.
const PRINTED = 100;
let closed = [];
let lengths = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('.finding details:not([open]), details.list:not([open])')];
  for (const one of closed) one.open = true;
  lengths = grids.map((grid) => grid.page.len());
  for (const grid of grids) if (grid.page.len() > 0) grid.page.len(PRINTED).draw();
});
addEventListener('afterprint', () => {
  for (const one of closed) one.open = false;
  grids.forEach((grid, at) => { if (lengths[at] > 0) grid.page.len(lengths[at]).draw(); });
});
