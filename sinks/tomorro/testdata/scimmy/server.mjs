// A SCIM server whose protocol is SCIMMY's: only the two maps are ours. It prints
// its address and serves until its standard input ends.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";
import { randomUUID } from "node:crypto";

function keep(type, name) {
    const all = new Map();
    SCIMMY.Resources.declare(type)
        .ingress((resource, data) => {
            const id = resource.id ?? randomUUID();
            if (resource.id && !all.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
            for (const [other, value] of all) {
                if (other !== id && value[name].toLowerCase() === data[name].toLowerCase()) {
                    throw new SCIMMY.Types.Error(409, "uniqueness", `${name} is taken`);
                }
            }
            const value = { ...JSON.parse(JSON.stringify(data)), id };
            all.set(id, value);
            return value;
        })
        .egress((resource) => {
            if (!resource.id) return resource.filter ? resource.filter.match([...all.values()]) : [...all.values()];
            if (!all.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
            return all.get(resource.id);
        })
        .degress((resource) => {
            if (!all.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        });
}
keep(SCIMMY.Resources.User, "userName");
keep(SCIMMY.Resources.Group, "displayName");

SCIMMY.Config.set({ bulk: 200 }); // operations in one request

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== "Bearer secret") throw new Error("the token is not valid");
        return "tester";
    },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/scim/v2`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
