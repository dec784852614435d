// The documentation of the interface, made from its own schema.

import { ask, h } from "./client.js";

const here = location.origin;
document.getElementById("example").textContent = `VISIT="Visit: $(openssl rand -hex 16)"
curl -H "$VISIT" --data-binary @scan.tif "${here}/api/v1/photographs?name=scan.tif"
curl -H "$VISIT" --json '{"photographs": "rest", "recipe": {"model": "palace"}}' ${here}/api/v1/jobs
curl -H "$VISIT" -N ${here}/api/v1/events          # until the job of /api/v1/visit is done
curl -H "$VISIT" -OJ ${here}/api/v1/results`;

const schema = await ask("/openapi.json");
const nameOf = (part) => part?.$ref?.split("/").pop() ?? (part?.anyOf ? part.anyOf.map(nameOf).join(" or ") : part?.type === "array" ? `list of ${nameOf(part.items)}` : part?.type ?? "");
const bodyOf = (content) => Object.entries(content ?? {}).map(([type, { schema: body }]) => `${type} ${nameOf(body)}`).join(", ");

for (const [path, methods] of Object.entries(schema.paths)) {
  for (const [method, call] of Object.entries(methods)) {
    const parameters = (call.parameters ?? []).map((one) => h("li", {}, h("code", {}, one.name), ` (${one.in}): ${nameOf(one.schema)}`));
    const [status, answer] = Object.entries(call.responses).find(([code]) => code < "300");
    document.getElementById("addresses").append(h("section", {}, h("h2", {}, h("code", {}, `${method.toUpperCase()} ${path}`)), h("p", {}, call.description ?? ""),
      h("ul", {}, parameters, call.requestBody ? h("li", {}, `body: ${bodyOf(call.requestBody.content)}`) : "", h("li", {}, `${status}: ${bodyOf(answer.content)}`))));
  }
}
for (const [name, model] of Object.entries(schema.components.schemas)) {
  document.getElementById("addresses").append(h("section", { id: name }, h("h2", {}, h("code", {}, name)), h("p", {}, model.description ?? ""),
    h("ul", {}, Object.entries(model.properties ?? {}).map(([field, of]) => h("li", {}, h("code", {}, field), `: ${nameOf(of)}`)))));
}
document.documentElement.dataset.ready = "yes";
