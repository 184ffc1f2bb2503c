/**
 * Builds the images of the end-to-end tests where something has changed, and prints what fills the product's and where the archives are:
 *
 *     node test/e2e/image/build.ts     (as root)
 */
import { program, say, step } from "../support/log.ts";
import { buildImages, productSizes } from "./images.ts";
import { sizeTable } from "./sizes.ts";

await program(async () => {
  const images = await step("images built", buildImages);
  for (const { name, archive, isNew } of images) {
    say(`${name} ${isNew ? "is new" : "was there, unchanged"}: ${archive}`);
  }
  say(`what fills the image:\n${sizeTable(await productSizes())}`);
});
