// Where many reviews come from: a text in the form, or a file.

import { Unreadable } from "./csv.js";
import { byId, element } from "./dom.js";
import {
  MOST_BYTES,
  columnNames,
  decode,
  kindOf,
  prepare,
  readJsonLines,
  readLines,
  readRows,
  readTable,
} from "./parse.js";
import { reviews } from "./tally.js";
import { excerpt } from "./view.js";

const LONGEST_TYPED = 200_000; // characters; a form with more would be slow to type in
const PREVIEWED = 3;

const EMPTY = "Nothing to read yet. Write or paste some reviews, or choose a file.";

/**
 * Watch the form. `announce(words)` is called for what was loaded. Returns `take()`, which gives the
 * name and the records to read, or null after saying what is missing.
 */
export function startGathering({ announce }) {
  const typed = byId("reviews");
  let loaded = null; // { name, read } and, of a table, its rows and layout
  let records = [];
  let newest = 0; // of the files chosen, the last one counts

  function say(problem) {
    byId("gather-problem").textContent = problem;
  }

  function refresh() {
    const prepared = prepare(loaded === null ? readLines(typed.value) : loaded.read());
    ({ records } = prepared);
    const count = records.filter(({ problem }) => problem === "").length;
    byId("send-many").textContent = count === 0 ? "Read them" : `Read ${reviews(count)}`;
    byId("remarks").replaceChildren(...prepared.remarks.map((remark) => element("li", "", remark)));
    byId("paste").hidden = loaded !== null;
    byId("try-many").hidden = loaded !== null;
    byId("loaded").hidden = loaded === null;
    if (loaded !== null) {
      byId("source-name").textContent = loaded.name;
      byId("source-size").textContent = reviews(records.length);
      byId("preview-title").hidden = records.length === 0;
      byId("preview").replaceChildren(...records.slice(0, PREVIEWED).map(previewItem));
      showLayout();
    }
    return prepared.remarks;
  }

  function previewItem({ text }) {
    const item = element("li", "excerpt", excerpt(text, 120));
    item.dir = "auto";
    return item;
  }

  function showLayout() {
    byId("layout").hidden = loaded.table === undefined;
    if (loaded.table === undefined) {
      return;
    }
    const { table, layout } = loaded;
    const names = columnNames(table, layout);
    const options = () => names.map((name, i) => new Option(excerpt(name, 40), i));
    byId("text-column").replaceChildren(...options());
    byId("label-column").replaceChildren(new Option("no column", -1), ...options());
    byId("text-column").value = layout.text;
    byId("label-column").value = layout.label;
    byId("has-header").checked = layout.header;
  }

  function load(name, kind, text) {
    if (kind === "csv") {
      const table = readTable(text);
      loaded = { name, table, layout: table.layout };
      loaded.read = () => readRows(table, loaded.layout);
    } else {
      const result = kind === "txt" ? readLines(text) : readJsonLines(text);
      loaded = { name, read: () => result };
    }
    const remarks = refresh();
    say(records.length === 0 ? `${name}: there is no review in it.` : "");
    announce([`${name}: ${reviews(records.length)}.`, ...remarks].join(" "));
  }

  async function loadFile(file) {
    newest += 1;
    const mine = newest;
    try {
      const kind = kindOf(file.name);
      if (file.size > MOST_BYTES) {
        throw new Unreadable(`The file is larger than ${MOST_BYTES / 1e6} MB. Cut it into parts.`);
      }
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (mine === newest) {
        load(file.name, kind, decode(bytes));
      }
    } catch (error) {
      const why = error instanceof Unreadable ? error.message : "It cannot be opened. Choose it again.";
      say(`${file.name}: ${why}`);
    }
  }

  function loadFiles(files) {
    if (files.length > 1) {
      say("One file at a time, please. Put the reviews together in one file.");
    } else if (files.length === 1) {
      loadFile(files[0]);
    }
  }

  function remove() {
    newest += 1;
    loaded = null;
    say("");
    refresh();
    typed.focus();
  }

  /** A long text goes past the form. */
  function paste(event) {
    const pasted = event.clipboardData.getData("text/plain");
    const { value, selectionStart, selectionEnd } = typed;
    if (value.length + pasted.length > LONGEST_TYPED) {
      event.preventDefault();
      load("Pasted text", "txt", value.slice(0, selectionStart) + pasted + value.slice(selectionEnd));
      byId("remove").focus();
    }
  }

  function changeLayout() {
    loaded.layout = {
      header: byId("has-header").checked,
      text: Number(byId("text-column").value),
      label: Number(byId("label-column").value),
    };
    refresh();
  }

  typed.addEventListener("input", () => {
    say("");
    refresh();
  });
  typed.addEventListener("paste", paste);
  byId("try-many").addEventListener("click", ({ target }) => {
    typed.value = target.value;
    refresh();
    typed.form.requestSubmit();
  });
  byId("remove").addEventListener("click", remove);
  byId("layout").addEventListener("change", changeLayout);
  byId("file").addEventListener("change", (event) => {
    loadFiles([...event.target.files]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  acceptDrops(byId("gather"), loadFiles);
  refresh();

  return {
    take() {
      if (records.length === 0) {
        say(EMPTY);
        (loaded === null ? typed : byId("file")).focus();
        return null;
      }
      return { name: loaded === null ? "reviews" : loaded.name, records };
    },
  };
}

/** Take files that are dropped on `target`. Beside it they are ignored, not opened by the browser. */
function acceptDrops(target, take) {
  const hasFiles = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      const isOver = target.contains(event.target);
      event.dataTransfer.dropEffect = isOver ? "copy" : "none";
      target.classList.toggle("over", isOver);
    }
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) {
      target.classList.remove("over");
    }
  });
  addEventListener("drop", (event) => {
    if (hasFiles(event)) {
      event.preventDefault();
      target.classList.remove("over");
      if (target.contains(event.target)) {
        take([...event.dataTransfer.files]);
      }
    }
  });
}
