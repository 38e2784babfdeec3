// Signs in to the console at an OpenID Connect provider of another site in the
// system's Chromium, with and without JavaScript: cookies go as browsers send them.
//
//   node signon.mjs URL CHROMIUM [SCREENSHOTS]
//
// Prints what it did, a line each; what is wrong goes to stderr, with exit 1.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const wrong = [];
const must = (good, text) => (good ? console.log("ok: " + text) : wrong.push(text));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
if (shots) mkdirSync(shots, { recursive: true });

async function look(page, name) {
  if (shots) await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  must(serious.length === 0, `${name}: axe finds ${serious.map((v) => v.id + " " + v.nodes[0].html).join("; ") || "nothing serious"}`);
}

async function signIn(page, user) {
  await page.goto(url + "/c/acme/holds");
  await page.getByRole("link", { name: "Sign in at" }).click();
  await page.getByRole("link", { name: user, exact: true }).click();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";
  for (const colorScheme of javaScriptEnabled ? ["light", "dark"] : ["light"]) { // the console allows ten attempts
    const context = await browser.newContext({ viewport: { width: 400, height: 800 }, javaScriptEnabled, colorScheme });
    const page = await context.newPage();
    page.on("pageerror", (e) => wrong.push(`script error at ${page.url()}: ${e.message}`));
    await page.goto(url + "/c/acme/holds");
    must((await page.getByRole("link", { name: "Sign in at" }).count()) === 1, `${how}: the sign-in page offers the provider`);
    if (javaScriptEnabled) await look(page, "signon-" + colorScheme);
    await signIn(page, "out");
    await page.getByText("You have no access to this console.").waitFor();
    if (javaScriptEnabled) await look(page, "signon-no-role-" + colorScheme);
    await signIn(page, "vic");
    await page.waitForURL(/\/c\/acme\/holds$/);
    must((await page.getByRole("button", { name: "Approve" }).count()) === 0, `${how}: who may look is not offered to approve`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/signin$/);
    await signIn(page, "ann");
    await page.waitForURL(/\/c\/acme\/holds$/);
    must(/^ann@x\.io \[/.test(await page.locator(".who").innerText()), `${how}: somebody is signed in, and where they wanted to be`);
    must((await page.locator("[name=verdict][value=approve]").count()) === 1, `${how}: who may decide is offered to`);
    await context.close();
  }
}

await browser.close();
for (const w of wrong) console.error("wrong: " + w);
process.exit(wrong.length ? 1 : 0);
