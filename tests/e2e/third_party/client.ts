// A person's way through both services, with clients that openapi-typescript has generated.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths as Items } from "./items.d.ts";
import type { paths as Users } from "./users.d.ts";

const [usersUrl, itemsUrl, email, password] = process.argv.slice(2);
const users = createClient<Users>({ baseUrl: usersUrl });
const anonymous = createClient<Items>({ baseUrl: itemsUrl });

const account = { email, name: "Ada", password };
const registered = await users.POST("/users/", { body: account });
assert(registered.data);
const taken = await users.POST("/users/", { body: account });
assert.deepEqual([taken.response.status, taken.error?.error], [409, "email_taken"]);
console.log("register");

const form = { "Content-Type": "application/x-www-form-urlencoded" };
const grant = { grant_type: "password" as const, username: email, password };
const refused = await users.POST("/auth/token", { body: { ...grant, password: "wrong" }, headers: form });
assert(refused.error && "error_description" in refused.error);
assert.equal(refused.error.error_description, refused.error.detail);
const tokens = (await users.POST("/auth/token", { body: grant, headers: form })).data;
assert(tokens && "refresh_token" in tokens);
console.log("token");

const { data: renewed } = await users.POST("/auth/token", {
  body: { grant_type: "refresh_token", refresh_token: tokens.refresh_token },
  headers: form,
});
assert(renewed && "refresh_token" in renewed);
assert.notEqual(renewed.refresh_token, tokens.refresh_token);
console.log("refresh");

const headers = { Authorization: `Bearer ${renewed.access_token}` };
const items = createClient<Items>({ baseUrl: itemsUrl, headers });
const create = (price: number | string) => items.POST("/items/", { body: { name: "Kettle", price } });
const created = [await create(1.29), await create(2.29), await create("3.29")];
const last = created[2];
assert(last.data);
assert.deepEqual([last.data.price, last.data.owner.id], ["3.29", registered.data.id]);
console.log("create");

const query = { owner_id: registered.data.id, size: 2, sort: "-price" as const };
const page = await anonymous.GET("/items/", { params: { query } });
assert(page.data?.next);
assert.deepEqual(page.data.items.map((item) => item.price), ["3.29", "2.29"]);
console.log("list");

const rest = await anonymous.GET("/items/", { params: { query: { ...query, after: page.data.next } } });
assert.deepEqual([rest.data?.items.length, rest.data?.next], [1, null]);
console.log("cursor");

const path = { item_id: last.data.id };
const header = { "if-match": last.response.headers.get("ETag") ?? "" };
const edit = (price: string) => items.PATCH("/items/{item_id}", { params: { path, header }, body: { price } });
assert.equal((await edit("2.50")).data?.price, "2.50");
assert.equal((await edit("1")).error?.error, "precondition_failed");
console.log("If-Match");

const gone = await anonymous.GET("/items/{item_id}", { params: { path: { item_id: 2 ** 53 } } });
assert.equal(gone.error?.error, "not_found");
const invalid = await create("1.999");
assert(invalid.error && Array.isArray(invalid.error.detail));
assert.deepEqual(invalid.error.detail[0].loc, ["body", "price"]);
console.log("errors");
