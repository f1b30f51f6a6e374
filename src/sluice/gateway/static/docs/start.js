// The time in an API's examples, by now too long ago to be accepted: whoever tries them out sends them as of now.
const TIME_OF_EXAMPLES = "1703001234567";

const asOfNow = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateSpec: (update) => (text) => update(text.replaceAll(TIME_OF_EXAMPLES, String(Date.now()))),
      },
    },
  },
});

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  defaultModelsExpandDepth: 0, // the list of schemas is long, and each operation shows its own
  displayRequestDuration: true,
  persistAuthorization: false, // keys stay in this page's memory
  plugins: [asOfNow],
  validatorUrl: null, // the document goes to nobody else
});
