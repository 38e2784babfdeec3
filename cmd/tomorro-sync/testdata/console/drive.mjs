// Drives the console in the system's Chromium, as a person would: signs in, looks
// at each page in both themes and at 320 px, checks each with axe-core, watches a
// run, finds a person, approves a hold and sees it applied.
//
//   node drive.mjs URL TOKEN CHROMIUM [SCREENSHOTS]
//
// Prints what it did, a line each; what is wrong goes to stderr, with exit 1.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, token, executablePath, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const wrong = [];
const say = (text) => console.log(text);
const must = (good, text) => (good ? say("ok: " + text) : wrong.push(text));

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

async function open(options = {}) {
  // CSP is as it is for people; axe is run in the page by the driver, beside it.
  const context = await browser.newContext({ viewport: { width: 1200, height: 850 }, ...options });
  const page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && !expected(m.text()) && wrong.push(`console error at ${page.url()}: ${m.text()}`));
  page.on("pageerror", (e) => wrong.push(`script error at ${page.url()}: ${e.message}`));
  page.on("requestfailed", (r) => r.failure()?.errorText !== "net::ERR_ABORTED" && wrong.push(`request failed: ${r.url()} ${r.failure()?.errorText}`));
  return page;
}

// Chromium reports each answer of 4xx as an error; these are so on purpose.
let refusing = false, silent = false;
const expected = (text) => (refusing && /status of 401/.test(text)) || (silent && /status of 503/.test(text)) || /status of 404/.test(text);

async function signIn(page, name) {
  await page.goto(url);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/c\//);
}

async function check(page, name) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const v of result.violations) {
    const text = `axe: ${name}: ${v.impact} ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`;
    if (v.impact === "serious" || v.impact === "critical") wrong.push(text);
    else say(text);
  }
  const wider = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const wide = await wider();
  if (wide > 0) wrong.push(`${name} is ${wide} px wider than the window`);
  const turned = await page.evaluate(stretch);
  for (const text of turned) wrong.push(`${name}: a name in another script turns round what follows: ${text}`);
  const stretched = await wider();
  if (stretched > 0) wrong.push(`${name} is ${stretched} px wider than the window when names are long`);
}

// stretch runs in the page, which is not used after it: it gives each name that stands
// beside something else letters that run the other way, and returns what that turns round;
// then it makes each address and name as long as they may be.
function stretch() {
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), names = [];
  while (words.nextNode()) {
    const parent = words.currentNode.parentElement;
    if (words.currentNode.data.trim() && parent.matches(".members a, .members .ago, .names bdi, .names li, table.cards tbody th, table.cards tbody th a, table.cards td:not(.n), td .ago")) names.push(words.currentNode);
  }
  const turned = [];
  for (const name of names) {
    if (!name.isConnected) continue; // it stood beside another one
    const beside = name.parentElement.nextElementSibling ?? name.nextElementSibling;
    if (beside?.tagName !== "SPAN") continue;
    const before = name.data, said = beside.textContent;
    name.data = "\u05d3\u05d5\u05d3";
    beside.textContent = "\u05dc\u05d5\u05d9";
    const left = (node) => { const range = document.createRange(); range.selectNodeContents(node); return range.getBoundingClientRect(); };
    const a = left(name), b = left(beside);
    if (Math.abs(a.top - b.top) < 4 && b.left < a.left) turned.push(before + " | " + said);
    name.data = before;
    beside.textContent = said;
  }
  for (const name of names) name.data = "x".repeat(64) + "@" + "y".repeat(60) + ".example";
  return turned.slice(0, 3);
}

async function shoot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
}

// appears reports whether something is there, or comes in time.
const appears = (what, timeout = 10_000) => what.first().waitFor({ timeout }).then(() => true, () => false);

// Every page, in both themes and narrow.
async function tour(state, looks) {
  for (const [look, options] of Object.entries({
    light: { colorScheme: "light" }, dark: { colorScheme: "dark" },
    "light-320": { colorScheme: "light", viewport: { width: 320, height: 800 } }, "dark-320": { colorScheme: "dark", viewport: { width: 320, height: 800 } },
  })) {
    if (looks && !looks.includes(look)) continue;
    const page = await open(options);
    await page.goto(url);
    await shoot(page, `${state}-signin-${look}`);
    await check(page, `sign-in (${look})`);
    await signIn(page, "Tour");
    for (const [name, path] of Object.entries(await places(page))) {
      await page.goto(url + path);
      await shoot(page, `${state}-${name}-${look}`);
      await check(page, `${name} (${look})`);
    }
    await page.context().close();
  }
}

let base = "";
async function places(page) {
  base = new URL(page.url()).pathname.replace(/\/$/, "");
  const first = async (path, selector) => {
    await page.goto(url + path);
    const link = page.locator(selector).first();
    return (await link.count()) ? await link.getAttribute("href") : null;
  };
  const list = { overview: base + "/", runs: base + "/runs", holds: base + "/holds", people: base + "/people", search: base + "/people?q=an", groups: base + "/groups", configuration: base + "/configuration", missing: base + "/runs/no-such-run" };
  list.run = await first(base + "/runs", "main table tbody th a");
  list.person = (await first(list.run, "main table.changes th a")) ?? (await first(base + "/people?q=an", "main table th a"));
  list.group = await first(base + "/groups", "main table th a");
  return Object.fromEntries(Object.entries(list).filter(([, path]) => path));
}

async function story() {
  const page = await open();
  await page.goto(url);
  refusing = true;
  await page.getByLabel("Your name").fill("Alice");
  await page.getByLabel("Token").fill("this is not the token");
  await page.getByRole("button", { name: "Sign in" }).click();
  must(await appears(page.getByText("This is not the token.")), "another token is refused");
  refusing = false;
  await signIn(page, "Alice");
  must(/wait for somebody/.test(await page.locator("h1").innerText()), "the first page says that something waits");

  await page.getByRole("link", { name: "Holds", exact: true }).click();
  const summary = page.locator(".hold details summary").first();
  if (!(await page.locator(".hold .names li").first().isVisible())) await summary.click();
  const who = (await page.locator(".hold .names li").first().innerText()).split(" ")[0].trim();
  must(who.includes("@"), "a hold names its people: " + who);

  await page.getByRole("link", { name: "People", exact: true }).click();
  await page.waitForURL(/\/people$/); // loaded, with its script
  await page.keyboard.press("/");
  await page.locator("input:focus").waitFor();
  await page.keyboard.type(who);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/people\/./);
  await page.getByRole("heading", { name: "Before" }).waitFor();
  must((await page.locator("article.person").innerText()).includes("held"), "the person's page says that a change of theirs is held");
  must(!(await page.locator(".waiting").isVisible()), "the line that announces the wait is gone");

  await page.getByRole("link", { name: "Holds", exact: true }).click();
  await page.getByRole("button", { name: "Approve" }).first().click();
  must(await appears(page.getByText("Approved: exactly these changes, once.")), "the approval is confirmed");
  must(await appears(page.getByText("approved by Alice")), "and says whose it is");

  await page.getByRole("link", { name: "State now" }).click();
  const seen = { run: false, made: 0 };
  await page.exposeFunction("report", (made) => { seen.made = Math.max(seen.made, made); });
  await page.addInitScript(() => document.addEventListener("DOMContentLoaded", () => {
    const done = document.querySelector("[data-done]");
    if (done) new MutationObserver(() => window.report(Number(done.textContent.replace(/\D/g, "")))).observe(done, { childList: true, characterData: true, subtree: true });
  }));
  await page.getByRole("button", { name: "Run now" }).click();
  for (let i = 0; i < 1200; i++) {
    const text = await page.locator("h1").innerText().catch(() => "");
    if (/being made/.test(text)) {
      seen.run = true;
      if (!seen.shot && (await page.locator("[data-progress]").count())) {
        seen.shot = true;
        await shoot(page, "running-overview-light");
      }
    }
    if (/is what OneLogin says|guard held/.test(text)) break;
    await page.waitForTimeout(30);
  }
  must(seen.run, "the run is seen while it is made, without a hand on the page");
  must(seen.made > 0, `its changes are counted live (${seen.made} seen)`);
  must(/is what OneLogin says|guard held/.test(await page.locator("h1").innerText()), "the page says when it has ended");

  await page.goto(url + base + "/people/" + encodeURIComponent(who));
  await page.getByRole("heading", { name: "Before" }).waitFor();
  must(/inactive/.test(await page.locator("article.person").innerText()), "what was approved is applied: the account is inactive");
  must(/Alice approved/.test(await page.locator(".history").innerText()), "and their history says who approved");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(url + base + "/holds");
  must(/\/signin\?next=/.test(page.url()), "signed out, nothing is shown");
  await page.context().close();
}

// A page that is left open says when it does not hear any more how things stand, and only then.
async function silence() {
  const well = await open(), page = await open();
  const line = "This page is not up to date";
  await signIn(well, "Carol");
  await signIn(page, "Carol");
  silent = true;
  await page.route("**/events*", (route) => route.fulfill({ status: 503 }));
  await page.goto(url + base + "/");
  must(await appears(page.getByText(line), 30_000), "a page that hears nothing says so");
  must(!(await well.getByText(line).isVisible()), "and one that hears something does not");
  silent = false;
  await page.context().close();
  await well.context().close();
}

// The same without JavaScript: a run is asked for, and followed by reloading.
async function plain() {
  const page = await open({ javaScriptEnabled: false });
  await signIn(page, "Bob");
  await page.goto(url + base + "/");
  await page.getByRole("button", { name: "Run now" }).click();
  must(await appears(page.getByText("A run is asked for. It begins")), "without JavaScript a run is asked for");
  await page.goto(url + base + "/runs");
  for (let i = 0; i < 100 && !/Bob/.test(await page.locator("tbody tr").first().innerText()); i++) {
    await page.waitForTimeout(100);
    await page.goto(url + base + "/runs");
  }
  must(/console Bob/.test(await page.locator("tbody tr").first().innerText()), "and is in the list");
  await page.context().close();
}

try {
  await tour("held");
  await story();
  await plain();
  await silence();
  if (shots) await tour("done", ["light", "dark-320"]);
} catch (e) {
  wrong.push(String(e.stack ?? e));
}
await browser.close();
for (const text of wrong) console.error("WRONG: " + text);
process.exit(wrong.length ? 1 : 0);
