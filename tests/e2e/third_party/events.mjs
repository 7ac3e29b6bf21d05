// Sends an event of CloudEvents' SDK in both modes: URL, token and event as arguments. Without arguments it receives
// events: prints its port, then each event that the SDK understands.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { CloudEvent, HTTP } from "cloudevents";

const [url, token, event] = process.argv.slice(2);
if (url) {
  for (const mode of [HTTP.structured, HTTP.binary]) {
    const { headers, body } = mode(new CloudEvent(JSON.parse(event)));
    headers.authorization = `Bearer ${token}`;
    const response = await fetch(url, { method: "POST", headers, body });
    console.log(response.status, await response.text());
  }
} else {
  const server = createServer(async (request, response) => {
    const received = HTTP.toEvent({ headers: request.headers, body: await text(request) });
    console.log(JSON.stringify(received));
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}
