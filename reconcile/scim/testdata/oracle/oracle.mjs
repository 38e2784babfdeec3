// Answers, one JSON line for one, what three SCIM libraries that nobody here
// wrote make of a filter or of a patch.
import { createInterface } from "node:readline";
import { scimPatch } from "scim-patch";
import { filter, parse } from "scim2-parse-filter";
import SCIMMY from "scimmy";

const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const libraries = {
  "scim2-parse-filter": ({ resource, filter: text }) => filter(parse(text))(resource),
  "scimmy filter": ({ resource, filter: text }) => new SCIMMY.Types.Filter(text).match([resource]).length === 1,
  "scim-patch": ({ resource, ops }) => scimPatch(resource, ops, { mutateDocument: false, treatMissingAsAdd: false }),
  "scimmy patch": async ({ resource, ops }) => {
    const Schema = resource.displayName ? SCIMMY.Schemas.Group : SCIMMY.Schemas.User;
    const before = new Schema(resource);
    const after = await new SCIMMY.Messages.PatchOp({ schemas: [patchSchema], Operations: ops }).apply(before);
    return after ?? before;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = { value: await libraries[question.library](question) };
  } catch (error) {
    answer = { error: String(error?.scimType ?? error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
