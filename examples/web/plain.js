/**
 * A text as BERT's own tokenizer cleans it for models that know small letters only: small letters
 * without accents, plain spaces, nothing that does not show.
 *
 * MediaPipe's tokenizer makes small only A to Z and keeps accents, so that "naïve" and "É" would
 * be unknown words. With this before it, it reads them as in training.
 */
export function plain(text) {
  const shown = text
    .replace(/[\t\n\r]/g, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, "")
    .replace(/\s/g, " ");
  const letters = shown.normalize("NFD").replace(/\p{Mn}/gu, "");
  return Array.from(letters, (letter) => letter.toLowerCase()).join(""); // one by one, as BERT
}
