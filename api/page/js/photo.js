// The photo: the one chosen, and four to try with.

import { byId, h } from "./dom.js";
import { pick } from "./intake.js";

const EXAMPLES = [
  { file: "cat.jpg", name: "Cat" },
  { file: "coffee.jpg", name: "Coffee" },
  { file: "astronaut.jpg", name: "Astronaut" },
  { file: "rocket.jpg", name: "Rocket" },
];

/** Build the buttons of the example photos. */
export function exampleButtons(studio) {
  return EXAMPLES.map(({ file, name }) =>
    h(
      "button.example",
      { type: "button", title: name, "aria-label": `Use the example photo: ${name}`, onclick: () => takeExample(studio, file, name) },
      h("img", { src: `examples/${file}`, alt: "" }),
      h("span", { "aria-hidden": "true" }, name),
    ),
  );
}

async function takeExample(studio, file, name) {
  await studio.attempt(async () => {
    const blob = await studio.client.blob(`examples/${file}`);
    await studio.takePhoto(blob, name);
  });
}

/** Ask for a photo with the file picker. */
export function choosePhoto(studio) {
  pick({ onFiles: ([file]) => file && studio.attempt(() => studio.takePhoto(file)) });
}

/** Show the chosen photo in the recipe. */
export function showPhoto(studio) {
  const thumb = h("div.photo-thumb", { "aria-hidden": "true" });
  const words = h("p.photo-words");
  const button = h("button", { type: "button", id: "choose-photo", onclick: () => choosePhoto(studio) }, "Choose…");
  byId("photo-row").replaceChildren(thumb, words, button);
  studio.photo.watch((photo) => {
    thumb.replaceChildren(photo?.url ? h("img", { src: photo.url, alt: "" }) : "");
    words.replaceChildren(...(photo ? described(photo) : [h("span.hint", {}, "Drop one anywhere, paste it, or choose a file.")]));
  });
}

function described(photo) {
  const size = photo.width ? `${photo.width} × ${photo.height}` : "cannot be shown here, but can be painted";
  return [photo.name, h("br"), h("span.hint", {}, size)];
}
