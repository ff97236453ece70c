// Expressions of search parameters -> places: JSON members from the resource inwards, with the type of what stands there.
import { typeCode } from "./structure.mjs";
import { systems } from "./terminology.mjs";

// Data types of which a parameter of a type makes values; an element of another type has none.
const USABLE = {
  string: /^(string|markdown|HumanName|Address|code|id|uri|url|canonical)$/,
  token: /^(code|string|boolean|id|uri|url|oid|uuid|canonical|integer|positiveInt|unsignedInt|CodeableConcept|Coding|Identifier|ContactPoint|deceased)$/,
  reference: /^(Reference|canonical|uri|url|oid|uuid|Resource)$/,
  date: /^(date|dateTime|instant|Period|Timing)$/,
  number: /^(decimal|integer|positiveInt|unsignedInt|Range)$/,
  quantity: /^(Quantity|Money|Range|Age|Duration|Distance|Count|SampledData|decimal|integer)$/,
  uri: /^(uri|url|canonical|oid|uuid)$/,
  special: /./,
};

export function placesOf(definitions, terminology) {
  const elements = new Map(definitions.map((d) => [d.name, d]));
  const systemOf = systems(terminology);

  return {
    /** Places of a parameter within a resource type: `{ path, type, key, only, targets, text }`. */
    ofParameter(resource, parameter) {
      if (parameter.code === "deceased") return ["deceasedBoolean", "deceasedDateTime"].map((k) => place([k], "deceased"));
      const found = parameter.expression.split("|").flatMap((e) => read(e.trim(), resource, parameter.type));
      // A place of any resource is a reference to it, of the types that the parameter is for.
      const narrowed = found.map((p) => (p.type === "Resource" ? place(p.path, p.type, null, [], parameter.target[0]) : p));
      return distinct(narrowed);
    },
    /** Places of a component, from the element that `root` leads to. */
    ofComponent(root, parameter, expression) {
      const [resource, ...above] = root.split(".");
      let start = [{ type: resource, path: [], only: null }];
      for (const step of above) start = start.flatMap((state) => advance(state, step));
      start = start.map((state) => ({ ...state, path: [] }));
      const found = expression.split("|").flatMap((e) => {
        const within = /^%resource\.(.*)$/.exec(e.trim());
        if (!within) return places(start, split(e.trim()), parameter.type);
        const from = [{ type: resource, path: [], only: null }];
        return places(from, split(within[1]), parameter.type).map((p) => ({ ...p, text: "^" + p.text }));
      });
      return distinct(found);
    },
  };

  function read(expression, resource, kind) {
    const plain = expression
      .replace(/^\((\S+) as (\w+)\)/, "$1.as($2)")
      .replace(/^(\S+) as (\w+)$/, "$1.as($2)")
      .replace(/(\w+)\[(\d+)\]/, "$1.item($2)");
    const steps = split(/^[a-z]/.test(plain) ? `${resource}.${plain}` : plain); // a few do not name the type
    if (steps.shift() !== resource) return [];
    return places([{ type: resource, path: [], only: null }], steps, kind);
  }

  function places(states, steps, kind) {
    for (const step of steps) states = states.flatMap((state) => advance(state, step));
    return states
      .filter((state) => USABLE[kind].test(state.type))
      .map((state) => place(state.path, state.type, state.system, state.targets ?? [], state.only));
  }

  function advance(state, step) {
    const call = /^(\w+)\((.*)\)$/.exec(step);
    if (call?.[1] === "as" || call?.[1] === "ofType") {
      return call[2].toLowerCase() === state.type.toLowerCase() ? [state] : [];
    }
    if (call?.[1] === "item") return [{ ...state, path: marked(state.path, call[2]) }];
    if (call?.[1] === "where") {
      const target = /resolve\(\) is (\w+)/.exec(step);
      if (target) return [{ ...state, only: target[1] }];
      const equal = /where\((\w+)='([^']*)'\)/.exec(step);
      if (!equal) throw new Error("cannot read " + step);
      return [{ ...state, path: marked(state.path, `${equal[1]}=${equal[2]}`) }];
    }
    if (call) throw new Error("cannot read " + step);
    return children(state.at ?? state.type, state.type, step).map(({ key, ...found }) => ({
      ...found,
      only: null,
      path: [...state.path, key],
    }));
  }

  /** JSON members that element `step` of a type may stand in, with their types. */
  function children(at, type, step) {
    const owner = elements.get(at.split(".")[0]) ?? elements.get(type);
    const list = owner.snapshot.element;
    const base = at.includes(".") ? at : owner.name;
    const element = list.find((e) => e.path === `${base}.${step}` || e.path === `${base}.${step}[x]`);
    if (!element) throw new Error(`${base} has no ${step}`);
    if (element.contentReference) {
      return [{ key: step, type: "BackboneElement", at: element.contentReference.replace(/^.*#/, "") }];
    }
    const nested = list.some((e) => e.path.startsWith(element.path + "."));
    return element.type.map((t) => {
      const code = typeCode(t, element.path);
      const choice = element.path.endsWith("[x]");
      const bound = code === "code" && element.binding?.strength === "required";
      return {
        key: choice ? step + code[0].toUpperCase() + code.slice(1) : step,
        type: code,
        at: nested ? element.path : undefined,
        system: bound ? systemOf(element.binding.valueSet) : null,
        targets: t.targetProfile?.map((p) => p.split("/").pop()).filter((n) => n !== "Resource"),
      };
    });
  }
}

function place(path, type, system, targets = [], only = null) {
  const key = `${path.join(".")}:${type}${system ? "@" + system : ""}`;
  const wanted = only ? ">!" + only : /^(Reference|canonical)$/.test(type) && targets.length ? ">" + targets.join(",") : "";
  return { path, type, key, only, targets, text: key + wanted };
}

const marked = (path, mark) => [...path.slice(0, -1), `${path.at(-1)}[${mark}]`];

const distinct = (places) => [...new Map(places.map((p) => [p.text, p])).values()];

/** Steps of a path: split at the dots that stand outside parentheses. */
function split(path) {
  const steps = [""];
  let depth = 0;
  for (const c of path) {
    depth += (c === "(") - (c === ")");
    if (c === "." && depth === 0) steps.push("");
    else steps[steps.length - 1] += c;
  }
  return steps;
}
