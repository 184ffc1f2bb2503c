/** The command line as a page may show it: whatever a person would not pin to a wall is replaced. */

const masked = "***";
const secretName = /password|passphrase|secret|credential|token$/i;
/** Not a secret: it only tells clusters apart, and people look for it. */
const publicNames: ReadonlySet<string> = new Set(["initial-cluster-token"]);
const flag = /^--?(?<name>[^=]+)(?<value>=.*)?$/s;
/** Of a URL with user information, wherever it stands in an argument. */
const userInformation = /(?<=:\/\/)[^/?#@,\s]+(?=@)/g;

/** A flag whose value is a secret loses it, in its own argument or in the next; URLs lose user and password. */
export function shownCommandLine(words: readonly string[]): string[] {
  let isSecret = false;
  return words.map((word) => {
    const { name = "", value } = flag.exec(word)?.groups ?? {};
    if (isSecret && name === "") {
      isSecret = false;
      return masked;
    }
    isSecret = secretName.test(name) && !publicNames.has(name);
    if (isSecret && value !== undefined) {
      isSecret = false;
      return `${word.slice(0, word.indexOf("="))}=${masked}`;
    }
    return word.replaceAll(userInformation, masked);
  });
}
