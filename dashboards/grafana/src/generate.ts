// Prints the dashboard `overview` as JSON.
import { overview } from "./overview";

declare const console: { log(text: string): void };

console.log(JSON.stringify(overview(), null, 2));
