// Opens the steps of this device's platform and tests the four abilities that only a trusted connection has.
(function () {
  "use strict";
  var agent = navigator.userAgent;
  var touchMac = /Mac/.test(agent) && navigator.maxTouchPoints > 1;
  var platform = /Android/.test(agent) ? "android"
    : /iPhone|iPad|iPod/.test(agent) || touchMac ? "iphone"
    : /Windows/.test(agent) ? "windows"
    : /Mac/.test(agent) ? "mac"
    : "linux";
  if (/Firefox/.test(agent) && platform !== "android" && platform !== "iphone") platform = "firefox";
  var steps = document.querySelector('[data-platform="' + platform + '"]');
  if (steps) steps.open = true;

  var where = document.getElementById("where");
  where.textContent = window.isSecureContext && location.protocol === "https:" ? where.dataset.secure : where.dataset.plain;

  var list = document.getElementById("tests");
  function show(name, result) {
    var row = list.querySelector('[data-test="' + name + '"]');
    var mark = row.querySelector("b") || row.appendChild(document.createElement("b"));
    mark.textContent = result === null ? list.dataset.wait : result ? list.dataset.yes : list.dataset.no;
    mark.className = result === null ? "" : result ? "yes" : "no";
  }

  async function storage() {
    if (!window.crypto || !crypto.subtle || !window.indexedDB) return false;
    var key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    var iv = crypto.getRandomValues(new Uint8Array(12));
    var sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: iv }, key, new Uint8Array([1, 2, 3]));
    var name = "clinicvault-install-test";
    await new Promise(function (done, failed) {
      var open = indexedDB.open(name, 1);
      open.onupgradeneeded = function () { open.result.createObjectStore("test"); };
      open.onerror = function () { failed(open.error); };
      open.onsuccess = function () {
        var write = open.result.transaction("test", "readwrite");
        write.objectStore("test").put(sealed, "sealed");
        write.oncomplete = function () { open.result.close(); done(); };
        write.onerror = function () { failed(write.error); };
      };
    });
    indexedDB.deleteDatabase(name);
    return true;
  }

  // The page demands trusted addresses for scripts; "cv" is the one policy it allows.
  var policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("cv", { createScriptURL: function (url) { return url; } })
    : { createScriptURL: function (url) { return url; } };

  async function worker() {
    if (!("serviceWorker" in navigator)) return false;
    var made = await navigator.serviceWorker.register(policy.createScriptURL("/install/worker.js"), { scope: "/install/" });
    await made.unregister();
    return true;
  }

  function test(name, run) {
    show(name, null);
    Promise.resolve().then(run).then(function (fine) { show(name, fine); }, function () { show(name, false); });
  }

  test("secure", function () { return window.isSecureContext && location.protocol === "https:"; });
  test("camera", function () { return Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia); });
  test("storage", storage);
  test("worker", worker);
})();
