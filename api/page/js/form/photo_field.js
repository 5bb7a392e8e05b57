// The photo in the form, and the example photos.

import { byId, h } from "../lib/dom.js";
import { reportErrors } from "../state/errors.js";
import { pickFiles } from "./file_inputs.js";

const EXAMPLES = [["Cat", "cat.jpg"], ["Coffee", "coffee.jpg"], ["Astronaut", "astronaut.jpg"], ["Rocket", "rocket.jpg"]];

/** Build a button for each example photo. */
export function exampleButtons(store) {
  return EXAMPLES.map(([name, file]) => {
    const onclick = () => reportErrors(() => store.setPhoto(store.client.blob(`examples/${file}`), name));
    return h(
      "button.example", { type: "button", title: name, "aria-label": `Use the example photo: ${name}`, onclick },
      h("img", { src: `examples/${file}`, alt: "" }),
      h("span", { "aria-hidden": "true" }, name),
    );
  });
}

/** Let the visitor choose a photo with the file picker. */
export function choosePhoto(store) {
  pickFiles({ onFiles: ([file]) => file && reportErrors(() => store.setPhoto(file)) });
}

/** Show the chosen photo in the form. */
export function mountPhotoField(store) {
  const thumbnail = h("div.photo-thumbnail", { "aria-hidden": "true" });
  const text = h("p.photo-text");
  const button = h("button", { type: "button", id: "choose-photo", onclick: () => choosePhoto(store) }, "Choose…");
  byId("photo-row").replaceChildren(thumbnail, text, button);
  store.photo.watch((photo) => {
    thumbnail.replaceChildren(photo?.url ? h("img", { src: photo.url, alt: "" }) : "");
    text.replaceChildren(...(photo ? description(photo) : emptyHints()));
  });
}

function emptyHints() {
  return [
    h("span.hint.if-mouse", {}, "Drop a photo or a film anywhere, paste it, or choose a file."),
    h("span.hint.if-touch", {}, "None chosen yet."),
  ];
}

function description(photo) {
  const size = photo.width ? `${photo.width} × ${photo.height}` : "This browser cannot show it, but you can paint it.";
  return [photo.name, h("br"), h("span.hint", {}, [size, photo.film?.length].filter(Boolean).join(", "))];
}
