import assert from "node:assert/strict";

/** Asserts that an ethers call reverts with this text, or with this custom error of `contract`'s ABI. */
export async function reverts(promise, expected, contract) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, "CALL_EXCEPTION", error.message);
    const custom = contract?.interface.parseError(error.data)?.name;
    assert.match(custom ?? error.reason ?? error.shortMessage, expected instanceof RegExp ? expected : new RegExp(`^${expected}$`));
    return true;
  });
}
