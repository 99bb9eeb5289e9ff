//! The application: layers in their order, each once, and routes made from the operations table. The server and the
//! tests build the same thing.

use std::{collections::BTreeMap, io, net::TcpListener, rc::Rc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, header},
    web::{self, Data, ServiceConfig},
};

use crate::{
    admit::{Admit, HOSTEL_ID, IDEMPOTENCY_KEY},
    error::{ApiError, NO_ROUTE},
    front::{Front, REQUEST_ID},
    operation::Operation,
    operations,
    shell::Shell,
    state::AppState,
    version::API_VERSION,
};

/// The whole application.
pub fn app(
    state: AppState,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    over(operations::all(), state.shell.clone(), Data::new(state))
}

/// Serves the whole application on a listener that is already bound, with this many worker threads. The answer is the
/// running server: await it, and stop it by its handle. Signals are the caller's business.
pub fn serve(listener: TcpListener, workers: usize, state: AppState) -> io::Result<Server> {
    let shell = state.shell.clone();
    listen(listener, workers, operations::all(), shell, Data::new(state))
}

/// The application over a table of operations, with `state` for the handlers. A request passes version and
/// alias, request id and span, CORS, sign-in, hostel, permission, body, and meets its handler; the answer passes presentation.
pub(crate) fn over<T: 'static>(
    table: &'static [Operation],
    shell: Shell,
    state: Data<T>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let cors = cors(&shell.config.allowed_origins);
    let local = Rc::new(shell.clone());
    let routes = Rc::clone(&local);
    App::new()
        .app_data(Data::new(shell))
        .app_data(state)
        .configure(move |config| mount(config, table, &routes))
        .wrap(cors)
        .wrap(Front(local))
}

/// Registers each path of the table with its methods; any other method of it is 405 with `Allow`, any other path 404.
fn mount(config: &mut ServiceConfig, table: &'static [Operation], shell: &Rc<Shell>) {
    // In this order `{` stands behind every letter, so literals are tried before what stands for anything.
    let mut paths: BTreeMap<String, Vec<&'static Operation>> = BTreeMap::new();
    for row in table {
        paths.entry(row.pattern()).or_default().push(row);
    }
    for (pattern, rows) in paths {
        let mut methods: Vec<Method> = Vec::new();
        let mut resource = web::resource(pattern);
        for operation in rows {
            for method in operation.methods() {
                let admit = Admit { operation, shell: Rc::clone(shell) };
                resource = resource.route((operation.route)().method(method.clone()).wrap(admit));
                methods.push(method);
            }
        }
        let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        resource = resource.default_service(web::to(move || {
            let error = ApiError::method_not_allowed(&allow);
            async move { Err::<HttpResponse, _>(error) }
        }));
        config.service(resource);
    }
    config.default_service(web::to(|| async { Err::<HttpResponse, _>(ApiError::not_found(NO_ROUTE)) }));
}

/// Pages of listed origins may call; there is no `*`, and without a list there is nobody.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .block_on_origin_mismatch(false)
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::IF_MATCH,
            HOSTEL_ID,
            IDEMPOTENCY_KEY,
            API_VERSION,
            REQUEST_ID,
        ])
        .expose_headers(["etag", "location", "retry-after", "x-request-id", "idempotency-replayed", "api-version"])
        .max_age(600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

fn listen<T: Send + Sync + 'static>(
    listener: TcpListener,
    workers: usize,
    table: &'static [Operation],
    shell: Shell,
    state: Data<T>,
) -> io::Result<Server> {
    crate::operation::assert_sound(table).map_err(io::Error::other)?;
    let server = HttpServer::new(move || over(table, shell.clone(), state.clone()))
        .workers(workers.max(1))
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(20)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
