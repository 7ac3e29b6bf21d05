// Each example of the descriptions, and each body in other files, matches its schema. Prints how many there were.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const files = await Promise.all(process.argv.slice(2).map(async (name) => JSON.parse(await readFile(name, "utf8"))));
const bodies = Object.assign({}, ...files.filter((file) => !file.openapi));
let examples = 0;
let validated = 0;

for (const description of files.filter((file) => file.openapi)) {
  const ajv = addFormats(new Ajv({ strict: false }));
  ajv.addFormat("idn-email", /^[^@]+@[^@]+$/); // ajv-formats has none
  ajv.addSchema(description, "description");

  const check = (pointer, value) => {
    const validate = ajv.getSchema(`description#${pointer}`);
    assert(validate(value), `${pointer}: ${JSON.stringify(value)}: ${ajv.errorsText(validate.errors)}`);
  };

  const walk = (node, pointer) => {
    if (node === null || typeof node !== "object") return;
    if (Array.isArray(node.examples)) for (const each of node.examples) check(pointer, each), examples++;
    if (node.schema && node.examples && !Array.isArray(node.examples))
      for (const each of Object.values(node.examples)) check(`${pointer}/schema`, each.value), examples++;
    for (const [key, child] of Object.entries(node))
      walk(child, `${pointer}/${encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))}`);
  };
  walk(description, "");

  for (const [name, values] of Object.entries(bodies))
    if (name in description.components.schemas)
      for (const each of values) check(`/components/schemas/${name}`, each), validated++;
}
console.log(JSON.stringify({ examples, bodies: validated }));
