/**
 * Forbids `slice` on bytes: on a Uint8Array it copies, on a Buffer, which is one too, it makes a view that changes with the original.
 * The simulator found acknowledged answers overwritten by it. `cloneBytes` of lib/bytes.ts always copies, `subarray` never.
 */
const bytesTypes = new Set(["Uint8Array", "Buffer"]);

export const noBytesSlice = {
  meta: {
    type: "problem",
    schema: [],
    messages: { slice: "slice() of bytes copies or not: use cloneBytes or subarray." },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    return {
      "CallExpression > MemberExpression[property.name='slice']"(node) {
        const type = services.getTypeAtLocation(node.object);
        if (bytesTypes.has(type.getSymbol()?.name)) context.report({ node, messageId: "slice" });
      },
    };
  },
};
