//! The application: layers in their order, each once, and routes made from the operations table. The server and the
//! tests build the same thing.

use std::{collections::BTreeMap, fmt, io, net::TcpListener, rc::Rc, time::Duration};

use actix_codec::Framed;
use actix_cors::Cors;
use actix_http::{HttpService, KeepAlive, Request, Response, h1};
use actix_service::{IntoServiceFactory, Service, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App, Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, header},
    rt::net::TcpStream,
    web::{self, Data, ServiceConfig},
};

use crate::{
    admit::{Admit, HOSTEL_ID, IDEMPOTENCY_KEY},
    error::{ApiError, NO_ROUTE},
    front::{Front, REQUEST_ID},
    limits,
    operation::Operation,
    operations,
    shell::Shell,
    state::AppState,
    upgrade,
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
/// alias, request id and span, CORS, limits, sign-in, hostel, permission, body, and meets its handler; the answer passes presentation.
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
    // Literals are tried before patterns: they win, and comparing text is cheap where matching a pattern is not. Among
    // patterns `{` stands behind every letter.
    let mut paths: BTreeMap<(bool, String), Vec<&'static Operation>> = BTreeMap::new();
    for row in table {
        let pattern = row.pattern();
        paths.entry((pattern.contains('{'), pattern)).or_default().push(row);
    }
    for ((_, pattern), rows) in paths {
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
        let local = Rc::clone(shell);
        resource = resource.default_service(web::to(move |request: HttpRequest| {
            let flood = limits::flood(&local, &request);
            let error = flood.err().unwrap_or_else(|| ApiError::method_not_allowed(&allow));
            async move { Err::<HttpResponse, _>(error) }
        }));
        config.service(resource);
    }
    let local = Rc::clone(shell);
    config.default_service(web::to(move |request: HttpRequest| {
        let flood = limits::flood(&local, &request);
        let error = flood.err().unwrap_or_else(|| ApiError::not_found(NO_ROUTE));
        async move { Err::<HttpResponse, _>(error) }
    }));
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
        .expose_headers(limits::TOLD)
        .max_age(600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// How long a connection is kept without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long the head of a connection's first request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long the end of a connection may take.
const END_WITHIN: Duration = Duration::from_secs(1);
/// How long requests under way may take once the server is told to stop, in seconds.
const STOP_WITHIN: u64 = 12;

fn listen<T: Send + Sync + 'static>(
    listener: TcpListener,
    workers: usize,
    table: &'static [Operation],
    shell: Shell,
    state: Data<T>,
) -> io::Result<Server> {
    crate::operation::assert_sound(table).map_err(io::Error::other)?;
    let upgrades = shell.clone();
    run(listener, workers, upgrades, move || over(table, shell.clone(), state.clone()))
}

/// What actix-web's own server builder does, with the one thing that it cannot be given: a way out of HTTP for sockets.
fn run<F, I, S, B>(listener: TcpListener, workers: usize, shell: Shell, application: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let builder = Server::build();
    // An idle connection ends when the server is told to stop, not at the end of its keep-alive.
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.workers(workers.max(1)).shutdown_timeout(STOP_WITHIN).disable_signals().listen(
        "http",
        listener,
        move || {
            let (shell, stopping) = (Rc::new(shell.clone()), stopping.clone());
            let leaving = fn_service(move |(request, connection): (Request, Framed<TcpStream, h1::Codec>)| {
                let shell = Rc::clone(&shell);
                async move {
                    upgrade::answer(request, connection, shell).await;
                    Ok::<(), Error>(())
                }
            });
            let application = application().into_factory().map_err(|error: S::Error| {
                let error: Error = error.into();
                Response::from(error)
            });
            HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
                .client_request_timeout(HEAD_WITHIN)
                .client_disconnect_timeout(END_WITHIN)
                .tcp_nodelay(true)
                .local_addr(address)
                .upgrade(leaving)
                .finish(map_config(application, |()| AppConfig::default()))
                .tcp()
        },
    )?;
    Ok(server.run())
}
