// Runs in mongosh at every start: makes the replica set once, then waits until it
// has a primary, so that nothing that follows meets a set without one.
try {
  rs.status();
} catch (e) {
  if (e.codeName !== "NotYetInitialized") throw e;
  rs.initiate({
    _id: "rs0",
    members: ["mongo1", "mongo2", "mongo3"].map((name, i) => ({ _id: i, host: name + ":27017" })),
  });
}
for (let i = 0; ; i++) {
  if (rs.status().members.some((m) => m.stateStr === "PRIMARY")) break;
  if (i === 60) throw new Error("the replica set has no primary after a minute");
  sleep(1000);
}
