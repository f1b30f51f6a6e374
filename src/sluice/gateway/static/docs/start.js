SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // keys stay in this page's memory
  validatorUrl: null, // the document goes to nobody else
});
